package site

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/h2"
)

// TestOver has a client that is like a browser, with one connection of HTTP/2 for its requests and
// its sockets, ask what that connection carries.
func TestOver(t *testing.T) {
	url, stop := start(t, true)
	d := &h2.Dialer{Fallback: h2.Fail}
	d.Dialer.TLSConfig = &tls.Config{InsecureSkipVerify: true}
	defer d.CloseIdleConnections()
	wantOver(t, asked{d}, url, "HTTP/2.0", 0)
	socket := "wss" + strings.TrimPrefix(url, "https")
	for i, path := range []string{"/echo", "/chat", "/die"} {
		c, _, err := d.Dial(context.Background(), socket+path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.CloseNow()
		wantOver(t, asked{d}, url, "HTTP/2.0", int32(i+1))
		go c.Serve(context.Background(), &conn.Events{})
	}
	http1 := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer http1.CloseIdleConnections()
	wantOver(t, http1, url, "HTTP/1.1", 0)
	http1.CloseIdleConnections()
	if err := stop(); err != nil { // with the sockets open
		t.Error(err)
	}
}

// asked makes an extended CONNECT of a request, since a Dialer sends nothing else. Any method will
// do for the page's question.
type asked struct{ *h2.Dialer }

func (a asked) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Method = http.MethodConnect
	r.Header[":protocol"] = []string{"question"}
	return a.Dialer.RoundTrip(r)
}

func wantOver(t *testing.T, rt http.RoundTripper, url, protocol string, sockets int32) {
	t.Helper()
	resp, err := (&http.Client{Transport: rt}).Get(url + "/over")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var got struct {
		Protocol string
		Sockets  int32
	}
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || got.Protocol != protocol || got.Sockets != sockets {
		t.Errorf("%+v, %v, want %s and %d sockets", got, err, protocol, sockets)
	}
}
