package conntest_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/conntest"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// A client uses a handler as it is served, with its router.
func ExampleDial() {
	_ = func(t *testing.T) { // func TestHello(t *testing.T)
		synctest.Test(t, func(t *testing.T) {
			mux := http.NewServeMux()
			mux.Handle("GET /hello/{name}", new(conn.Upgrader).Handler(&conn.Events{
				Open: func(c *conn.Conn, r *handshake.Request) {
					_ = c.Send(conn.Text, []byte("hello "+r.HTTPRequest().PathValue("name")))
				},
			}))
			c := conntest.Dial(t, mux, nil, "/hello/ann")
			if _, got, err := c.Read(t.Context()); string(got) != "hello ann" {
				t.Fatalf("got %q, %v", got, err)
			}
		})
	}
}

// One test has both ends of a connection.
func ExamplePair() {
	_ = func(t *testing.T) { // func TestGreeting(t *testing.T)
		server, client := conntest.Pair(t, conn.Config{}, conn.Config{})
		if err := server.Send(conn.Text, []byte("welcome")); err != nil {
			t.Fatal(err)
		}
		if _, got, err := client.Read(t.Context()); string(got) != "welcome" {
			t.Fatalf("got %q, %v", got, err)
		}
	}
}

// A client breaks the rules, and the server answers.
func ExampleNew() {
	_ = func(t *testing.T) { // func TestUnmaskedFrame(t *testing.T)
		c, peer := conntest.New(t, frame.Server, conn.Negotiated{}, conn.Config{})
		go c.Read(t.Context())
		peer.Send(frame.Header{Opcode: frame.Text, Fin: true}, []byte("hi"))
		peer.WantClose(conn.CloseProtocolError)
	}
}

// Timeouts pass in no time in a synctest bubble.
func ExamplePeer() {
	_ = func(t *testing.T) { // func TestKeepAlive(t *testing.T)
		synctest.Test(t, func(t *testing.T) {
			c, peer := conntest.New(t, frame.Server, conn.Negotiated{}, conn.Config{KeepAlive: 5 * time.Second})
			go c.Read(t.Context())
			peer.WantNothing()
			if h, _ := peer.WantFrame(); h.Opcode != frame.Ping { // five seconds later
				t.Fatalf("got %v, want a ping", h.Opcode)
			}
		})
	}
}
