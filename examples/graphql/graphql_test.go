package main

import (
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/conntest"
)

// dial returns a client of a new server, in memory.
func dial(t *testing.T, subprotocols ...string) *ws.Conn {
	return conntest.Dial(t, newServer().Handler(ws.Upgrader{}), &ws.Dialer{Subprotocols: subprotocols}, "/graphql")
}

func send(t *testing.T, c *ws.Conn, text string) {
	t.Helper()
	if err := c.Write(t.Context(), ws.Text, []byte(text)); err != nil {
		t.Fatalf("send %s: %v", text, err)
	}
}

func want(t *testing.T, c *ws.Conn, text string) {
	t.Helper()
	if _, p, err := c.Read(t.Context()); err != nil || string(p) != text {
		t.Errorf("received %s, %v, want %s", p, err, text)
	}
}

// wantEnd fails the test unless the server closes the connection.
func wantEnd(t *testing.T, c *ws.Conn, code ws.CloseCode, reason string) {
	t.Helper()
	_, p, err := c.Read(t.Context())
	end, ok := err.(*ws.CloseError)
	if !ok || !end.Remote || end.Code != code || end.Reason != reason {
		t.Errorf("received %s, %v, want the end with %d %q", p, err, uint16(code), reason)
	}
}

const (
	initialise = `{"type":"connection_init","payload":{"name":"Ann"}}`
	ack        = `{"type":"connection_ack"}`
	listen     = `{"id":"1","type":"subscribe","payload":{"query":"subscription { said { text } }"}}`
)

// TestFaults does what the protocol forbids.
func TestFaults(t *testing.T) {
	for _, test := range []struct {
		name   string
		send   []string // after connection_init, if its first is ""
		code   ws.CloseCode
		reason string
	}{
		{"subscribe first", []string{listen}, 4401, "Unauthorized"},
		{"no name", []string{`{"type":"connection_init"}`}, 4403, "Forbidden"},
		{"twice", []string{"", initialise}, 4429, "Too many initialisation requests"},
		{"the same id", []string{"", listen, listen}, 4409, "Subscriber for 1 already exists"},
		{"a type for servers", []string{"", `{"id":"1","type":"next"}`}, 4400, "a message of a type that clients don't send"},
		{"no type", []string{`{}`}, 4400, "a message of a type that clients don't send"},
		{"no id", []string{"", `{"type":"complete"}`}, 4400, "a message of type complete needs an id"},
		{"an empty id", []string{"", `{"id":"","type":"subscribe","payload":{"query":"{me}"}}`}, 4400, "a message of type subscribe needs an id"},
		{"no payload", []string{"", `{"id":"1","type":"subscribe"}`}, 4400, "a message of type subscribe needs a payload"},
		{"no query", []string{"", `{"id":"1","type":"subscribe","payload":{}}`}, 4400, "the payload of subscribe is no request"},
		{"variables that are none", []string{"", `{"id":"1","type":"subscribe","payload":{"query":"{me}","variables":[]}}`}, 4400, "the payload of subscribe is no request"},
		{"a payload that is none", []string{`{"type":"ping","payload":7}`}, 4400, "the payload of ping is no object"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := dial(t, subprotocol)
			for _, text := range test.send {
				if text == "" {
					send(t, c, initialise)
					want(t, c, ack)
					continue
				}
				send(t, c, text)
			}
			wantEnd(t, c, test.code, test.reason)
		})
	}
	t.Run("no JSON", func(t *testing.T) {
		c := dial(t, subprotocol)
		send(t, c, "hello")
		if _, _, err := c.Read(t.Context()); !isEnd(err, 4400) {
			t.Errorf("the end is %v, want 4400", err)
		}
	})
	t.Run("Binary", func(t *testing.T) {
		c := dial(t, subprotocol)
		if err := c.Write(t.Context(), ws.Binary, []byte(initialise)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Read(t.Context()); !isEnd(err, 4400) {
			t.Errorf("the end is %v, want 4400", err)
		}
	})
	t.Run("a long id", func(t *testing.T) {
		c := dial(t, subprotocol)
		send(t, c, initialise)
		want(t, c, ack)
		long := strings.Replace(listen, `"1"`, `"`+strings.Repeat("x", 1000)+`"`, 1)
		send(t, c, long)
		send(t, c, long)
		if _, _, err := c.Read(t.Context()); !isEnd(err, 4409) {
			t.Errorf("the end is %v, want 4409 with a shorter reason", err)
		}
	})
	t.Run("another subprotocol", func(t *testing.T) {
		wantEnd(t, dial(t, "graphql-ws"), 4406, "Subprotocol not acceptable")
	})
}

func isEnd(err error, code ws.CloseCode) bool {
	got, _ := ws.CloseStatus(err)
	return got == code
}

// TestInitTimeout: pings don't count as connection_init.
func TestInitTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		c := dial(t, subprotocol)
		send(t, c, `{"type":"ping","payload":{"n":1}}`)
		want(t, c, `{"type":"pong","payload":{"n":1}}`)
		wantEnd(t, c, 4408, "Connection initialisation timeout")
		if passed := time.Since(began); passed != 3*time.Second {
			t.Errorf("the end came after %v, want 3s", passed)
		}
	})
}

// TestOperations: operations end by themselves, by their client, and with the connection.
func TestOperations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chat := &chat{}
		s := newServer()
		s.Schema = s.Schema.MustClone(chat)
		s.MaxOperations = 2
		c := conntest.Dial(t, s.Handler(ws.Upgrader{}), &ws.Dialer{Subprotocols: []string{subprotocol}}, "/")
		send(t, c, initialise)
		want(t, c, ack)

		// By itself. Then the identifier is free.
		for range 2 {
			send(t, c, `{"id":"q","type":"subscribe","payload":{"query":"query A { me } query B { listeners }","operationName":"A"}}`)
			want(t, c, `{"id":"q","type":"next","payload":{"data":{"me":"Ann"}}}`)
			want(t, c, `{"id":"q","type":"complete"}`)
		}
		// By a fault in it: an error in place of results, and no complete.
		send(t, c, `{"id":"q","type":"subscribe","payload":{"query":"{"}}`)
		if _, p, err := c.Read(t.Context()); err != nil || !strings.HasPrefix(string(p), `{"id":"q","type":"error","payload":[{"message":"syntax error`) {
			t.Errorf("received %s, %v, want an error of q", p, err)
		}
		// One too many.
		for _, id := range []string{"1", "2", "3"} {
			send(t, c, strings.Replace(listen, `"1"`, `"`+id+`"`, 1))
			synctest.Wait()
		}
		want(t, c, `{"id":"3","type":"error","payload":[{"message":"too many operations at a time"}]}`)
		// By the client.
		send(t, c, `{"id":"1","type":"complete"}`)
		send(t, c, `{"id":"unknown","type":"complete"}`)
		synctest.Wait()
		chat.Say(t.Context(), struct{ Text string }{"hello"})
		want(t, c, `{"id":"2","type":"next","payload":{"data":{"said":{"text":"hello"}}}}`)
		// By the server: nobody reads what 1 would have to wait for.
		if n := chat.Listeners(); n != 1 {
			t.Errorf("%d listen, want one", n)
		}
		// With the connection.
		if err := c.Close(ws.CloseNormal, ""); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if n := chat.Listeners(); n != 0 {
			t.Errorf("%d listen after the end, want none", n)
		}
	})
}

// TestBehind: a client that reads nothing holds up nobody, and its subscription ends.
func TestBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chat := &chat{}
		s := newServer()
		s.Schema = s.Schema.MustClone(chat)
		c := conntest.Dial(t, s.Handler(ws.Upgrader{}), &ws.Dialer{Subprotocols: []string{subprotocol}}, "/")
		send(t, c, initialise)
		want(t, c, ack)
		send(t, c, listen)
		synctest.Wait()
		long := strings.Repeat("x", 10<<10)
		said := 0
		for ; chat.Listeners() > 0 && said < 1000; said++ {
			chat.Say(t.Context(), struct{ Text string }{long})
			synctest.Wait()
		}
		if said <= maxBehind || said == 1000 {
			t.Errorf("the subscription ended after %d lines, want some more than %d", said, maxBehind)
		}
		// It gets what had been said until then, and is told the end.
		last := ""
		for last != `{"id":"1","type":"complete"}` {
			_, p, err := c.Read(t.Context())
			if err != nil {
				t.Fatalf("after %.100s: %v, want complete", last, err)
			}
			last = string(p)
		}
	})
}

// TestUnreadErrors: a client that reads nothing makes no more work than MaxOperations allows.
func TestUnreadErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		s.MaxOperations = 2
		c := conntest.Dial(t, s.Handler(ws.Upgrader{}), &ws.Dialer{Subprotocols: []string{subprotocol}}, "/")
		name := strings.Repeat("x", conntest.Buffer) // an answer with it has to wait for the client
		send(t, c, strings.Replace(initialise, "Ann", name, 1))
		want(t, c, ack)
		send(t, c, `{"id":"q","type":"subscribe","payload":{"query":"{ me }"}}`)
		for _, id := range []string{"1", "2"} {
			synctest.Wait()
			send(t, c, `{"id":"`+id+`","type":"subscribe","payload":{"query":"{"}}`)
		}
		synctest.Wait()
		for range 4 {
			_, p, err := c.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if string(p) == `{"id":"2","type":"error","payload":[{"message":"too many operations at a time"}]}` {
				return
			}
		}
		t.Error("the third operation at a time was begun, want an error")
	})
}

// TestNodeClient talks with the npm package graphql-ws, the protocol's reference.
func TestNodeClient(t *testing.T) {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed (Debian: apt-get install nodejs npm)", program)
		}
	}
	install(t)
	srv := httptest.NewServer(newServer().Handler(ws.Upgrader{}))
	defer srv.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "talk.mjs", strings.Replace(srv.URL, "http", "ws", 1))
	cmd.Dir = "client"
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("node: %v", err)
	}
	const want = `{"me":{"data":{"me":"Ann"}}}
{"unknown":["Cannot query field \"nothing\" on type \"Query\"."]}
{"countdown":[3,2,1]}
{"refused":["a countdown begins at 1 to 1000"]}
{"say":{"data":{"say":1}}}
{"said":{"data":{"said":{"name":"Ann","text":"grüß Gott 👋"}}}}
{"silence":{"data":{"say":0}}}
{"pong":true}
{"stranger":{"code":4403,"reason":"Forbidden"}}
`
	if string(out) != want {
		t.Errorf("the client printed\n%swant\n%s", out, want)
	}
}

// install installs the client's packages, unless they are there.
func install(t *testing.T) {
	wanted, err := os.Stat("client/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	there, err := os.Stat(filepath.Join("client", "node_modules", ".package-lock.json"))
	if err == nil && there.ModTime().After(wanted.ModTime()) {
		return
	}
	var out []byte
	for range 3 { // a download may fail
		cmd := exec.CommandContext(t.Context(), "npm", "ci", "--no-audit", "--no-fund")
		cmd.Dir = "client"
		if out, err = cmd.CombinedOutput(); err == nil {
			return
		}
	}
	t.Fatalf("npm ci: %v\n%s", err, out)
}
