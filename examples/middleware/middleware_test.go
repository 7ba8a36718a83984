package middleware

import (
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	ws "github.com/rfc6455/ws/conn"
)

// want fails the test unless the next line matches the pattern.
func want(t *testing.T, lines <-chan string, pattern string) {
	t.Helper()
	if line := <-lines; !regexp.MustCompile(pattern).MatchString(line) {
		t.Errorf("logged %q, want a match of %q", line, pattern)
	}
}

// TestAccessLog opens a WebSocket through each router, ends it, and sends requests that don't
// become one.
func TestAccessLog(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	for name, router := range map[string]func(*AccessLog, string, http.Handler) http.Handler{"chi": Chi, "gin": Gin, "echo": Echo} {
		t.Run(name, func(t *testing.T) {
			lines := make(chan string, 10)
			l := &AccessLog{Print: func(line string) { lines <- line }}
			u := ws.Upgrader{Config: ws.Config{Trace: l.Trace()}}
			srv := httptest.NewServer(router(l, "/chat", u.Handler(&ws.Events{
				Message: func(c *ws.Conn, mt ws.MessageType, p []byte) { _ = c.Append(mt, p) },
			})))
			defer srv.Close()

			ctx := context.Background()
			c, err := ws.Dial(ctx, strings.Replace(srv.URL, "http", "ws", 1)+"/chat")
			if err != nil {
				t.Fatal(err)
			}
			want(t, lines, `^127\.0\.0\.1:\d+ GET /chat 101 open after \d+(\.\d+)?m?s$`)
			if err := c.Write(ctx, ws.Text, []byte("hello")); err != nil {
				t.Fatal(err)
			}
			if _, p, err := c.Read(ctx); err != nil || string(p) != "hello" {
				t.Errorf("read %q, %v, want the echo", p, err)
			}
			if err := c.Close(ws.CloseNormal, ""); err != nil {
				t.Error(err)
			}
			want(t, lines, `GET /chat closed after \d+(\.\d+)?m?s: 1000 normal closure$`)

			for path, status := range map[string]string{"/chat": "426", "/nowhere": "404"} {
				resp, err := http.Get(srv.URL + path)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				want(t, lines, "GET "+path+" "+status+" after")
			}
			select {
			case line := <-lines:
				t.Errorf("one more line: %q", line)
			default:
			}
			l.open.Range(func(any, any) bool {
				t.Error("an entry is left of a connection that has ended")
				return true
			})
		})
	}
}
