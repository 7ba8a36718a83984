package conn

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
)

// TestCutAfterTheEnd cuts the connection as soon as a read has told of its end,
// as a deferred CloseNow does: the peer's closing handshake is complete all the
// same, over TCP, TLS and HTTP/2, in both roles.
func TestCutAfterTheEnd(t *testing.T) {
	cut := func(c *Conn) {
		for {
			if _, _, err := c.Read(bg); err != nil {
				_ = c.CloseNow()
				return
			}
		}
	}
	over := func(name string, times int, connect func(t *testing.T) (server, client *Conn)) {
		for _, role := range []string{"server", "client"} {
			t.Run(name+"/"+role+" cuts", func(t *testing.T) {
				for range times {
					c, other := connect(t)
					if role == "client" {
						c, other = other, c
					}
					go cut(c)
					if err := other.Close(CloseNormal, ""); err != nil {
						t.Fatal(err)
					}
				}
			})
		}
	}
	over("tcp", 20, func(t *testing.T) (server, client *Conn) { return tcpPair(t, Config{}) })
	over("http2", 20, newH2Pairs(t))
	over("tls", 5, newTLSPairs(t))
}

// newTLSPairs returns a function that opens connections over TLS.
func newTLSPairs(t *testing.T) func(*testing.T) (server, client *Conn) {
	upgraded := make(chan *Conn, 1)
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := Upgrade(w, r)
		if err != nil {
			t.Error(err)
		}
		upgraded <- c
	}))
	t.Cleanup(srv.Close)
	roots := srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	d := &Dialer{TLSConfig: &tls.Config{RootCAs: roots}, Proxy: NoProxy}
	return func(t *testing.T) (server, client *Conn) {
		client, _, err := d.Dial(bg, "wss"+strings.TrimPrefix(srv.URL, "https"))
		if err != nil {
			t.Fatal(err)
		}
		return <-upgraded, client
	}
}

// newH2Pairs returns a function that opens streams of one HTTP/2 connection.
func newH2Pairs(t *testing.T) func(*testing.T) (server, client *Conn) {
	upgraded := make(chan *Conn, 1)
	srv, url := h2Server(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := Upgrade(w, r)
		if err != nil {
			t.Error(err)
			return
		}
		upgraded <- c
		<-c.Done()
	}))
	rt := h2Transport(t, srv)
	return func(t *testing.T) (server, client *Conn) {
		client = dialH2(t, &Dialer{}, url, rt)
		return <-upgraded, client
	}
}

// overtaken is a stream as HTTP/3 has them: Abort takes away what was written and not concluded.
type overtaken struct {
	net.Conn
	once      sync.Once
	concluded chan bool // what came first, CloseWrite or Abort
}

func (s *overtaken) end(concluded bool) { s.once.Do(func() { s.concluded <- concluded }) }

func (s *overtaken) CloseWrite() error    { s.end(true); return nil }
func (s *overtaken) Abort()               { s.end(false) }
func (*overtaken) ResetOvertakes()        {}
func (*overtaken) WorkingDeadlines() bool { return true }

// TestCutLeavesTheLastFrame cuts a connection that has failed, as soon as a read has said so. The
// goroutine that brings the end about runs at the same time. Where a reset overtakes what was
// written, the Close frame has to be concluded before either of them cuts.
func TestCutLeavesTheLastFrame(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(8)) // the two meet more often
	for range 20_000 {
		ours, theirs := wstest.Pipe(1 << 10)
		s := &overtaken{Conn: ours, concluded: make(chan bool, 1)}
		c := New(s, frame.Server, Negotiated{}, Config{})
		_, _ = theirs.Write([]byte("\x81\x02hi")) // not masked
		if _, _, err := c.Read(bg); !errors.Is(err, frame.ErrMaskRequired) {
			t.Fatalf("Read = %v, want %v", err, frame.ErrMaskRequired)
		}
		_ = c.CloseNow()
		if !<-s.concluded {
			t.Fatal("the stream was reset before its end was sent: the Close frame may be lost")
		}
		_ = theirs.Close()
	}
}
