package corpus

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestCases holds the file to its own description.
func TestCases(t *testing.T) {
	cases, err := Cases()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, c := range cases {
		key := c.ID + "/" + c.Role
		switch {
		case seen[key]:
			t.Errorf("%s is there twice", key)
		case c.Role != "server" && c.Role != "client", !slices.Contains([]string{"must", "should", "either"}, c.Verdict):
			t.Errorf("%s: role %q, verdict %q", key, c.Role, c.Verdict)
		case len(c.Events) < 2 || c.Events[0] != "open", len(c.Out) == 0, len(c.In) == 0, c.Text == "", c.Max == 0:
			t.Errorf("%s lacks something: %+v", key, c)
		case c.Verdict == "must" && c.Also != nil:
			t.Errorf("%s: a choice of events, and the verdict must", key)
		}
		seen[key] = true
	}
}

func TestRechunk(t *testing.T) {
	c := Case{In: []string{"010203", "04"}}
	for n, want := range map[int]string{1: "01 02 03 04", 3: "010203 04", 9: "01020304"} {
		if got := strings.Join(Rechunk(c, n).In, " "); got != want {
			t.Errorf("in chunks of %d: %s, want %s", n, got, want)
		}
	}
}

// TestJudge: what a case allows passes, and nothing else does.
func TestJudge(t *testing.T) {
	server := Case{
		Role: "server", Events: []string{"open", "ping 61", "text 62", "close 1000"},
		Out: [][]string{{"8a0161", "880203e8"}, {"8a0161", "8800"}},
	}
	fails := Case{Role: "server", Events: []string{"open", "fail 1007 1002"}, Out: [][]string{{}, {"880203ef"}, {"880203ea"}}}
	either := fails
	either.Also = [][]string{{"open", "text 62", "end"}}
	client := Case{Role: "client", Events: []string{"open", "close 1005"}, Out: [][]string{{"8800"}}}
	goesOn := Case{Role: "server", Events: []string{"open", "end"}, Out: [][]string{{}}}
	answer := func(out string, events ...string) Answer { return Answer{Events: events, Out: out} }
	pings := answer("8a0161880203e8", "ping 61", "text 62", "close 1000")
	pings.Pings = true
	noPing := pings
	noPing.Events = []string{"text 62", "close 1000"}
	for name, test := range map[string]struct {
		c    Case
		a    Answer
		want string // a part of what differs; "": nothing
	}{
		"all":                     {server, answer("8a0161880203e8", "text 62", "close 1000"), ""},
		"a reason":                {server, answer("8a0161880503e8627965", "text 62", "close 1000"), ""},
		"another alternative":     {server, answer("8a01618800", "text 62", "close 1000"), ""},
		"with pings":              {server, pings, ""},
		"a ping is missing":       {server, noPing, "want ping 61"},
		"no pong":                 {server, answer("880203e8", "text 62", "close 1000"), "sent 880203e8"},
		"another code":            {server, answer("8a0161880203e9", "text 62", "close 1000"), "880203e9"},
		"two Close frames":        {server, answer("8a0161880203e88800", "text 62", "close 1000"), "sent"},
		"another text":            {server, answer("8a0161880203e8", "text 63", "close 1000"), "text 63"},
		"no message":              {server, answer("8a0161880203e8", "close 1000"), "close 1000, want"},
		"half a frame":            {server, answer("8a01", "text 62", "close 1000"), "no control frame"},
		"masked by a server":      {server, answer("8a810000000061880203e8", "text 62", "close 1000"), "no control frame"},
		"no hex":                  {server, answer("x", "text 62", "close 1000"), "no hexadecimal"},
		"fails":                   {fails, answer("880203ef", "fail"), ""},
		"fails with the other":    {fails, answer("880203ea", "fail"), ""},
		"fails silently":          {fails, answer("", "fail"), ""},
		"fails with a wrong code": {fails, answer("880203e8", "fail"), "failed with 1000"},
		"does not fail":           {fails, answer("", "end"), "want fail"},
		"either, one":             {either, answer("880203ef", "fail"), ""},
		"either, the other":       {either, answer("", "text 62", "end"), ""},
		"either, neither":         {either, answer("", "text 63", "end"), "text 63"},
		"a client":                {client, answer("888001020304", "close 1005"), ""},
		"a client, not masked":    {client, answer("8800", "close 1005"), "no control frame"},
		"goes on":                 {goesOn, answer("", "end"), ""},
		"goes on, then closes":    {goesOn, answer("880203e9", "end"), ""},
		"goes on, sends a pong":   {goesOn, answer("8a00", "end"), "8a00"},
	} {
		if got := Judge(test.c, test.a); (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// TestMain is also a shim that answers as the environment says: see TestRun.
func TestMain(m *testing.M) {
	mode := os.Getenv("CORPUS_TEST_SHIM")
	if mode == "" {
		os.Exit(m.Run())
	}
	d := json.NewDecoder(os.Stdin)
	for {
		var c Case
		if d.Decode(&c) != nil {
			return
		}
		switch a := (Answer{ID: c.ID, Events: []string{"end"}}); {
		case mode == "dies" && c.ID == "b":
			os.Exit(3)
		case mode == "confused":
			fmt.Println("hello")
		case c.ID == "b":
			a.Skip = "for the test"
			fallthrough
		default:
			_ = json.NewEncoder(os.Stdout).Encode(a)
		}
	}
}

func TestRun(t *testing.T) {
	cases := []Case{
		{ID: "a", Role: "server", Events: []string{"open", "end"}, Out: [][]string{{}}, Verdict: "must"},
		{ID: "b", Role: "server", Events: []string{"open", "end"}, Out: [][]string{{}}, Verdict: "must"},
		{ID: "c", Role: "server", Events: []string{"open", "fail 1002"}, Out: [][]string{{}}, Verdict: "should"},
	}
	for mode, want := range map[string]string{"works": "", "dies": "case b (server)", "confused": `case a (server): the shim answered "hello`} {
		t.Setenv("CORPUS_TEST_SHIM", mode)
		results, err := Run(context.Background(), []string{os.Args[0]}, cases)
		if want != "" {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("a shim that %s: %v, want an error with %q", mode, err, want)
			}
			continue
		}
		if err != nil || len(results) != 3 || results[0] != (Result{}) || results[1].Skip == "" || results[2].Why == "" {
			t.Fatalf("results %+v, %v; want that a passes, b is skipped and c differs", results, err)
		}
		var b bytes.Buffer
		other := []Result{{}, {}, {}}
		Write(&b, cases, []Column{{"one", results}, {"two", other}})
		text := b.String()
		for _, want := range []string{"Disagreements:\n\nc, server (should)", "    one          NO: end, want fail 1002", "    two          yes", "one   1/1     0/1     0/0        1", "two   2/2     1/1     0/0        0"} {
			if !strings.Contains(text, want) {
				t.Errorf("the matrix lacks %q:\n%s", want, text)
			}
		}
		if strings.Contains(text, "a, server") {
			t.Errorf("the matrix has a case on which all agree:\n%s", text)
		}
	}
}
