package connect

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

func request(t *testing.T, header http.Header) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodConnect, "https://server.example/chat?x=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = header
	return r
}

// TestFields: the pseudo-header fields come first, the others by their names in lower case, and
// secrets are marked.
func TestFields(t *testing.T) {
	r := request(t, http.Header{
		Protocol: {"websocket"}, "Origin": {"https://a"}, "Cookie": {"a=1", "b=2"}, "Accept-Language": {"de"},
	})
	want := []Field{
		{":method", "CONNECT", false},
		{Protocol, "websocket", false},
		{":scheme", "https", false},
		{":authority", "server.example", false},
		{":path", "/chat?x=1", false},
		{"accept-language", "de", false},
		{"cookie", "a=1", true},
		{"cookie", "b=2", true},
		{"origin", "https://a", false},
	}
	if got, err := Fields(r); err != nil || !slices.Equal(got, want) {
		t.Errorf("Fields = %v, %v, want %v", got, err, want)
	}
	r.Host = "other.example"
	if got, err := Fields(r); err != nil || got[3].Value != r.Host {
		t.Errorf("with a Host: Fields = %v, %v, want it as :authority", got, err)
	}
}

// TestFieldsRefused has what may not be sent. No error shows a value.
func TestFieldsRefused(t *testing.T) {
	for name, header := range map[string]http.Header{
		"no :protocol":   {},
		"two :protocols": {Protocol: {"a", "b"}},
		"no value of it": {Protocol: {""}},
		"a name":         {Protocol: {"websocket"}, "a b": {"secret"}},
		"another pseudo": {Protocol: {"websocket"}, ":": {"secret"}},
		"a value":        {Protocol: {"websocket"}, "A": {"secret\r\nb: c"}},
	} {
		if got, err := Fields(request(t, header)); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: Fields = %v, %v, want an error without the value", name, got, err)
		}
	}
	r := request(t, http.Header{Protocol: {"websocket"}})
	r.Method = http.MethodGet
	if got, err := Fields(r); err == nil {
		t.Errorf("GET: Fields = %v, want an error", got)
	}
}
