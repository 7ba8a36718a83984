package hub

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// TestScript: the client for browsers is small, and served with its types.
func TestScript(t *testing.T) {
	if n := len(script); n > 4<<10 {
		t.Errorf("client.js has %d bytes, want at most 4096", n)
	}
	for path, want := range map[string][2]string{
		"/hub.js":   {"text/javascript; charset=utf-8", "export function connect("},
		"/hub.d.ts": {"application/typescript; charset=utf-8", "export interface Connection"},
	} {
		w := httptest.NewRecorder()
		Script().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if got := w.Header().Get("Content-Type"); got != want[0] || !strings.Contains(w.Body.String(), want[1]) {
			t.Errorf("%s is %s, without %q: %t", path, got, want[1], !strings.Contains(w.Body.String(), want[1]))
		}
	}
}
