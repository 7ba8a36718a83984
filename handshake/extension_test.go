package handshake

import (
	"reflect"
	"strings"
	"testing"
)

var extensionTests = []struct {
	id    string
	lines []string
	want  []Extension // nil: malformed
}{
	{"EX-9.1-01", []string{`foo; bar="x"; baz, qux`}, []Extension{{"foo", []Param{{"bar", "x"}, {"baz", ""}}}, {"qux", []Param{}}}},
	{"EX-9.1-01", []string{"foo;bar;baz=2"}, []Extension{{"foo", []Param{{"bar", ""}, {"baz", "2"}}}}},
	{"EX-9.1-01", []string{" \tfoo \t;\t bar \t, , qux"}, []Extension{{"foo", []Param{{"bar", ""}}}, {"qux", []Param{}}}},
	{"EX-9.1-01", []string{"foo; a; a"}, []Extension{{"foo", []Param{{"a", ""}, {"a", ""}}}}},
	{"EX-9.1-02", []string{"foo", "bar; baz=2"}, []Extension{{"foo", []Param{}}, {"bar", []Param{{"baz", "2"}}}}},
	{"EX-9.1-05", []string{`foo; a="10"`}, []Extension{{"foo", []Param{{"a", "10"}}}}},
	{"EX-9.1-05", []string{`foo; a="1\0"`}, []Extension{{"foo", []Param{{"a", "10"}}}}},
	{"EX-9.1-05", []string{`foo; a="\1\0", bar`}, []Extension{{"foo", []Param{{"a", "10"}}}, {"bar", []Param{}}}},
	{"EX-9.1-05", []string{`foo; a = "b" ; c`}, []Extension{{"foo", []Param{{"a", "b"}, {"c", ""}}}}},
	{"EX-9.1-05", []string{`foo; a="1 0"`}, nil},
	{"EX-9.1-05", []string{`foo; a="1\"0"`}, nil},
	{"EX-9.1-05", []string{`foo; a="\\"`}, nil},
	{"EX-9.1-05", []string{`foo; a=""`}, nil},
	{"EX-9.1-06", []string{""}, nil},
	{"EX-9.1-06", []string{"foo", ""}, nil},
	{"EX-9.1-06", []string{",, ,"}, nil},
	{"EX-9.1-06", []string{"foo;"}, nil},
	{"EX-9.1-06", []string{"foo;, bar"}, nil},
	{"EX-9.1-06", []string{";a"}, nil},
	{"EX-9.1-06", []string{"foo bar"}, nil},
	{"EX-9.1-06", []string{"foo; a b"}, nil},
	{"EX-9.1-06", []string{"foo; a="}, nil},
	{"EX-9.1-06", []string{"foo; a=,"}, nil},
	{"EX-9.1-06", []string{"foo; =a"}, nil},
	{"EX-9.1-06", []string{`foo; a="b`}, nil},
	{"EX-9.1-06", []string{`foo; a="b\`}, nil},
	{"EX-9.1-06", []string{`foo; a="b\"`}, nil},
	{"EX-9.1-06", []string{`foo; a="b"c`}, nil},
	{"EX-9.1-06", []string{`foo; a="b`, `c"`}, nil}, // A quote does not cross lines.
	{"EX-9.1-06", []string{`"foo"`}, nil},
	{"EX-9.1-06", []string{"f\xc3\xb6\xc3\xb6"}, nil},
	{"EX-9.1-06", []string{"foo\r\n"}, nil},
	{"EX-9.1-10", []string{strings.Repeat("a,", MaxExtensions+1)}, nil},
	{"EX-9.1-10", []string{strings.Repeat("a,", 10000)}, nil},
	{"EX-9.1-10", []string{"a" + strings.Repeat(";b", MaxParams+1)}, nil},
	{"EX-9.1-10", []string{"a" + strings.Repeat(";b", MaxParams), "c; d"}, nil},
}

func TestParseExtensions(t *testing.T) {
	for _, tt := range extensionTests {
		for _, role := range []string{"server", "client"} {
			t.Run(tt.id+"/"+role, func(t *testing.T) {
				got, err := ParseExtensions(tt.lines)
				if (err == nil) != (tt.want != nil) || !reflect.DeepEqual(got, tt.want) {
					t.Errorf("ParseExtensions(%.100q) = %q, %v, want %q", tt.lines, got, err, tt.want)
				}
				if err != nil && !strings.HasPrefix(err.Error(), "websocket: Sec-WebSocket-Extensions: ") {
					t.Errorf("error %q", err)
				}
			})
		}
	}
	if got, err := ParseExtensions(nil); got != nil || err != nil {
		t.Errorf("without a line: %q, %v, want nothing", got, err)
	}
}

// TestExtensionParams shows that extensions which share an array of parameters do not overwrite
// each other's.
func TestExtensionParams(t *testing.T) {
	list, err := ParseExtensions([]string{"a; b, c; d"})
	if err != nil {
		t.Fatal(err)
	}
	_ = append(list[0].Params, Param{Name: "x"})
	if list[1].Params[0].Name != "d" {
		t.Errorf("parameters of c: %q, want them unchanged", list[1].Params)
	}
}

func TestAppendExtension(t *testing.T) {
	e := Extension{"foo", []Param{{"bar", ""}, {"baz", "2"}}}
	if got := string(AppendExtension([]byte("x"), e)); got != "xfoo; bar; baz=2" {
		t.Errorf("AppendExtension = %q", got)
	}
}

// TestParseExtensionsStops shows that a list beyond the bounds takes no more memory than one within
// them.
func TestParseExtensionsStops(t *testing.T) {
	t.Run("EX-9.1-10/server", func(t *testing.T) {
		for _, list := range []string{"a" + strings.Repeat(";b", 30000), strings.Repeat("a,", 30000), strings.Repeat("a;b,", 15000)} {
			var p extensionParser
			if p.parse(list) == "" || cap(p.params) > 4*MaxParams || cap(p.extensions) > MaxExtensions {
				t.Errorf("%.10s...: room for %d extensions and %d parameters, want no more than the bounds", list, cap(p.extensions), cap(p.params))
			}
		}
	})
}
