package handshake

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

// mustCheck returns a request that CheckRequest has accepted.
func mustCheck(tb testing.TB, raw string) *Request {
	tb.Helper()
	r, _, err := ParseRequest([]byte(raw))
	if err == nil {
		err = CheckRequest(r)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func TestResponse(t *testing.T) {
	const start = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + testAccept + "\r\n"
	r := mustCheck(t, browserRequest)
	for _, tt := range []struct {
		policy *Policy
		want   string
	}{
		{nil, ""},
		{browserPolicy, "Sec-WebSocket-Protocol: superchat\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"},
		{
			&Policy{Header: http.Header{"Set-Cookie": {"a=b", "c=d"}, "Date": {"today"}}},
			"Date: today\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n",
		},
	} {
		a, err := Respond(r, tt.policy)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := string(a.AppendResponse([]byte("x"), r)), "x"+start+tt.want+"\r\n"; got != want {
			t.Errorf("response\n%q, want\n%q", got, want)
		}
	}
}

// TestPolicyMistakes shows that a policy that can never work gives an error, and neither a refusal
// nor silence.
func TestPolicyMistakes(t *testing.T) {
	r := mustCheck(t, browserRequest)
	for _, tt := range []struct {
		id, say string
		policy  Policy
	}{
		{"HS-4.2-22", "https://", Policy{Origins: []string{"*", "example.com"}}},
		{"HS-4.2-22", "https://", Policy{Origins: []string{"https://example.com/"}}},
		{"HS-4.2-22", "without a path", Policy{Origins: []string{"https://example.com/app"}}},
		{"HS-4.2-22", "https://*.example.com", Policy{Origins: []string{"*.example.com"}}},
		{"HS-4.2-22", "star for a port", Policy{Origins: []string{"http://localhost:*"}}},
		{"HS-4.2-22", "star for a port", Policy{Origins: []string{"https://*.example.com:*"}}},
		{"HS-4.2-22", "https://", Policy{Origins: []string{"nil"}}},
		{"HS-4.2-22", "https://", Policy{Origins: []string{"https://*.example.com@"}}},
		{"HS-4.2-22", "https://", Policy{Origins: []string{"a b://example.com"}}},
		{"HS-4.2-24", "token", Policy{Subprotocols: []string{""}}},
		{"HS-4.2-24", "twice", Policy{Subprotocols: []string{"a", "a"}}},
		{"HS-4.2-24", "did not offer", Policy{SelectSubprotocol: func(*Request) (string, error) { return "Chat", nil }}},
		{"HT-9110-21", "token", Policy{Subprotocols: []string{"a\r\nX: y"}}},
		{"HT-9110-21", "did not offer", Policy{SelectSubprotocol: func(*Request) (string, error) { return "a\r\nX: y", nil }}},
		{"HT-9110-21", "control", Policy{Header: http.Header{"X": {"a\r\nY: z"}}}},
		{"HT-9110-20", "Content-Length", Policy{Header: http.Header{"Content-Length": {"0"}}}},
		{"HT-9110-20", "Transfer-Encoding", Policy{Header: http.Header{"Transfer-Encoding": {"chunked"}}}},
		{"IA-11.3-03", "Sec-Websocket-Accept", Policy{Header: http.Header{"Sec-Websocket-Accept": {"a"}}}},
		{"PD-7.1.2-10", "8 to 15", Policy{Deflate: &DeflatePolicy{ServerMaxWindowBits: 16}}},
		{"PD-7.1.2-14", "8 to 15", Policy{Deflate: &DeflatePolicy{ClientMaxWindowBits: 1}}},
	} {
		t.Run(tt.id+"/server/"+tt.say, func(t *testing.T) {
			_, err := Respond(r, &tt.policy)
			if e := (*Error)(nil); err == nil || errors.As(err, &e) || !strings.Contains(err.Error(), tt.say) {
				t.Errorf("error %v, want one that says %q", err, tt.say)
			}
		})
	}
}

func TestHooks(t *testing.T) {
	r := mustCheck(t, strings.Replace(browserRequest, "\r\n\r\n", "\r\nX-Tenant: a\r\n\r\n", 1))
	a, err := Respond(r, &Policy{
		Origins:           []string{"https://elsewhere.example"}, // replaced by the hook
		CheckOrigin:       func(r *Request) bool { return r.Get("X-Tenant") == "a" },
		Subprotocols:      []string{"superchat"}, // replaced by the hook
		SelectSubprotocol: func(r *Request) (string, error) { return r.Subprotocols[0], nil },
	})
	if err != nil || a.Subprotocol != "chat" {
		t.Errorf("%+v, %v", a, err)
	}
	_, err = Respond(r, &Policy{CheckOrigin: func(*Request) bool { return false }})
	if e := (*Error)(nil); !errors.As(err, &e) || e.Status != 403 {
		t.Errorf("error %v, want 403", err)
	}
	twice := mustCheck(t, strings.Replace(browserRequest, "\r\n\r\n", "\r\nOrigin: https://a.example\r\n\r\n", 1))
	_, err = Respond(twice, &Policy{CheckOrigin: func(*Request) bool {
		t.Error("CheckOrigin was asked about two origins, want it not asked")
		return true
	}})
	if e := (*Error)(nil); !errors.As(err, &e) || e.Status != 403 {
		t.Errorf("error %v, want 403", err)
	}
	_, err = Respond(r, &Policy{Origins: []string{"https://a.example"}, Check: func(*Request) error {
		t.Error("Check was asked before the origin was checked, want it not asked")
		return nil
	}})
	if e := (*Error)(nil); !errors.As(err, &e) || e.Status != 403 {
		t.Errorf("error %v, want 403", err)
	}
	own := errors.New("database is down")
	if _, err = Respond(r, &Policy{SelectSubprotocol: func(*Request) (string, error) { return "chat", own }}); err != own {
		t.Errorf("error %v, want the hook's own", err)
	}
}
