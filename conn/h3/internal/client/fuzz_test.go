package client

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/quic-go/qpack"
	"github.com/quic-go/quic-go/quicvarint"
	"github.com/rfc6455/ws/conn/internal/connect"
)

// section encodes names and values.
func section(pairs ...string) []byte {
	var b bytes.Buffer
	e := qpack.NewEncoder(&b)
	for i := 0; i < len(pairs); i += 2 {
		_ = e.WriteField(qpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
	}
	return b.Bytes()
}

// FuzzResponse: a response that is taken is one that HTTP allows.
func FuzzResponse(f *testing.F) {
	f.Add(section(":status", "200", "a", "b"))
	f.Add(section("a", "b", ":status", "200"))
	f.Add(section(":status", "0200"))
	f.Add([]byte{0, 0, 0x80})
	f.Fuzz(func(t *testing.T, block []byte) {
		resp, broken := response(block)
		if broken != nil {
			return
		}
		if resp.StatusCode < 100 || resp.StatusCode > 999 {
			t.Errorf("status %d, want three digits", resp.StatusCode)
		}
		for name, values := range resp.Header {
			if name != http.CanonicalHeaderKey(name) || len(values) == 0 {
				t.Errorf("field %q has %d values, want a canonical name and values", name, len(values))
			}
		}
	})
}

// FuzzSettings: what is taken is a list of numbers, of which none comes twice.
func FuzzSettings(f *testing.F) {
	f.Add([]byte{8, 1})
	f.Add([]byte{8, 1, 8, 0})
	f.Add([]byte{0x40, 8, 1})
	f.Add([]byte{6})
	f.Fuzz(func(t *testing.T, b []byte) {
		allowed, broken := allowsConnect(b)
		if broken != nil {
			return
		}
		found := false
		for len(b) > 0 {
			id, n, err := quicvarint.Parse(b)
			if err != nil {
				t.Fatalf("taken, but cut off: %v", err)
			}
			value, m, err := quicvarint.Parse(b[n:])
			if err != nil {
				t.Fatalf("taken, but cut off: %v", err)
			}
			b = b[n+m:]
			found = found || id == settingConnect && value == 1
		}
		if allowed != found {
			t.Errorf("extended CONNECT is allowed: %t, want %t", allowed, found)
		}
	})
}

// FuzzAsk: what is sent is what was asked for, or an error.
func FuzzAsk(f *testing.F) {
	f.Add("name", "value")
	f.Add("a b", "value")
	f.Add("a", "b\r\nc: d")
	f.Fuzz(func(t *testing.T, name, value string) {
		r, err := http.NewRequest(http.MethodConnect, "https://server.example/chat", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = http.Header{connect.Protocol: {"websocket"}, name: {value}}
		if name == connect.Protocol {
			return
		}
		block, err := requestFields(r)
		if err != nil {
			return
		}
		next := qpack.NewDecoder().Decode(block)
		fields := 0
		for {
			field, err := next()
			if err != nil {
				break
			}
			if fields++; fields == 6 && field.Value != value {
				t.Errorf("the value became %q, want %q", field.Value, value)
			}
		}
		if fields != 6 {
			t.Errorf("%d fields, want 6", fields)
		}
	})
}
