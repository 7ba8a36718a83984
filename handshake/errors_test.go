package handshake

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestErrorReply(t *testing.T) {
	for _, id := range []string{"HS-4.2-29", "HT-9110-16", "HS-4.2-21"} {
		t.Run(id+"/server", func(t *testing.T) {
			e := upgradeRequired(nameVersion, "names a version that is not spoken here: send 13")
			reply := string(e.AppendResponse([]byte("x")))
			head, body, _ := strings.Cut(reply, "\r\n\r\n")
			lines := strings.Split(head, "\r\n")
			if date, err := time.Parse(http.TimeFormat, strings.TrimPrefix(lines[1], "Date: ")); err != nil || time.Since(date).Abs() > time.Hour {
				t.Errorf("date line %q: %v, want a date", lines[1], err)
			}
			lines[1] = "Date: D"
			want := "xHTTP/1.1 426 Upgrade Required|Date: D|Connection: Upgrade, close|Content-Length: 94|Content-Type: text/plain; charset=utf-8|" +
				"Sec-WebSocket-Version: 13|Upgrade: websocket|X-Content-Type-Options: nosniff"
			if got := strings.Join(lines, "|"); got != want {
				t.Errorf("reply\n%s, want\n%s", got, want)
			}
			if want := "426 Upgrade Required\n\nSec-WebSocket-Version: names a version that is not spoken here: send 13\n"; body != want {
				t.Errorf("body %q, want %q", body, want)
			}
		})
	}
}

func TestErrorText(t *testing.T) {
	for want, e := range map[string]*Error{
		"websocket: handshake: Host: must be there (status 400)": {Status: 400, Field: "Host", Reason: "must be there"},
		"websocket: handshake: log in first (status 401)":        {Status: 401, Reason: "log in first"},
		"websocket: handshake: status line: is no HTTP":          {Field: "status line", Reason: "is no HTTP"},
	} {
		if got := e.Error(); got != want {
			t.Errorf("Error = %q, want %q", got, want)
		}
	}
}

// TestErrorExtra shows that a hook's headers are in the reply, unless they would break it.
func TestErrorExtra(t *testing.T) {
	t.Run("HT-9110-21/server", func(t *testing.T) {
		extra := http.Header{
			"Set-Cookie": {"a=b", "c=d"}, "X-Bad": {"a\r\nX-Injected: b"}, "X Bad": {"a"},
			"Content-Length": {"1"}, "Transfer-Encoding": {"chunked"}, "Connection": {"keep-alive"},
		}
		name := "retry-after" // Not in canonical form.
		extra[name] = []string{"120"}
		e := &Error{Status: 503, Reason: "is busy", Extra: extra}
		reply := string(e.AppendResponse(nil))
		resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(reply)), nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); err != nil || string(body) != e.Body() || !resp.Close {
			t.Errorf("body %q, %v", body, err)
		}
		if resp.Header.Get("Retry-After") != "120" || len(resp.Header["Set-Cookie"]) != 2 || strings.Contains(reply, "Bad") || strings.Contains(reply, "Injected") {
			t.Errorf("reply %q", reply)
		}
		e.Header().Set("Retry-After", "0") // The caller's own.
		if extra[name][0] != "120" {
			t.Error("Header shares the map with Extra, want a copy")
		}
	})
}

// TestErrorDate shows that a reply has one Date, and that it is the hook's own if the hook has set
// one.
func TestErrorDate(t *testing.T) {
	for _, own := range []string{"", "Sun, 06 Nov 1994 08:49:37 GMT"} {
		e := &Error{Status: 503, Reason: "is busy", Extra: http.Header{}}
		if own != "" {
			e.Extra.Set("date", own)
		}
		reply := string(e.AppendResponse(nil))
		if strings.Count(reply, "\r\nDate: ") != 1 || !strings.Contains(reply, "\r\nDate: "+own) {
			t.Errorf("reply %q", reply)
		}
	}
}

// TestErrorHead shows that the answer to HEAD announces a body and does not have one: RFC 9110
// section 9.3.2.
func TestErrorHead(t *testing.T) {
	r, _, err := ParseRequest([]byte(strings.Replace(browserRequest, "GET", "HEAD", 1)))
	if err != nil {
		t.Fatal(err)
	}
	reply := string(serve(r, nil))
	if !strings.HasPrefix(reply, "HTTP/1.1 405 ") || !strings.HasSuffix(reply, "\r\n\r\n") || strings.Contains(reply, "Content-Length: 0") {
		t.Errorf("reply %q", reply)
	}
}
