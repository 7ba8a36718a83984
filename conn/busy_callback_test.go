package conn

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// callerEnv is the environment variable that makes this program the peer of TestBusyCallback. It
// holds the URL of the test.
const callerEnv = "CONN_TEST_CALLER"

// call makes two connections, is silent for a while, and then sends a message on each.
func call(url string) error {
	var conns [2]*Conn
	for i := range conns {
		c, err := Dial(bg, url)
		if err != nil {
			return err
		}
		conns[i] = c
	}
	for range 3 {
		time.Sleep(300 * time.Millisecond) // so that the other process falls asleep
		for i, c := range conns {
			if err := c.Write(bg, Text, fmt.Append(nil, i)); err != nil {
				return err
			}
			time.Sleep(5 * time.Millisecond) // so that the first comes first
		}
		for _, c := range conns {
			if _, _, err := c.Read(bg); err != nil {
				return err
			}
		}
	}
	return nil
}

// TestBusyCallback: who computes for long about a message, on the only processor, does not keep
// other connections from it, even if the process was idle before. The peer is another process,
// since the system calls of a client in this one could wake the scheduler's monitor.
func TestBusyCallback(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const patience = 15 * time.Second
	var u Upgrader
	for name, handler := range map[string]func(message func(p []byte)) http.Handler{
		"Handler": func(message func([]byte)) http.Handler {
			return u.Handler(&Events{Message: func(c *Conn, typ MessageType, p []byte) {
				message(p)
				_ = c.Append(typ, p)
			}})
		},
		"HandlerFunc": func(message func([]byte)) http.Handler {
			return u.HandlerFunc(func(c *Conn, _ *Request) {
				for {
					typ, p, err := c.Read(bg)
					if err != nil {
						return
					}
					message(p)
					_ = c.Write(bg, typ, p)
				}
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			var served atomic.Bool
			srv := httptest.NewServer(handler(func(p []byte) {
				if string(p) == "1" {
					served.Store(true)
					return
				}
				for began := time.Now(); !served.Swap(false); {
					if time.Since(began) > patience {
						t.Errorf("a message kept the processor for %v", patience)
						return
					}
				}
			}))
			defer srv.Close()
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(self)
			cmd.Env = append(os.Environ(), callerEnv+"="+strings.Replace(srv.URL, "http", "ws", 1))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("the peer: %v\n%s", err, out)
			}
		})
	}
}
