package conntest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/conntest"
	"github.com/rfc6455/ws/frame"
)

// Both ends of a connection in one test.
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

// A client that breaks the rules, and what the server makes of it.
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
