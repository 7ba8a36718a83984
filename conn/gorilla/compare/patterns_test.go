package compare

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	theirs "github.com/gorilla/websocket"
)

// patterns are what programs do with the library, in the words of some that are widely used. Each
// gets the two ends of a connection, and returns what the program has seen.
var patterns = map[string]func(server, client conn) []string{
	"a closing handshake": closingHandshake,
	"a proxy's errors":    proxyErrors,
	"handlers that close": handlersThatClose,
	"keepalive":           keepalive,
	"many documents":      manyDocuments,
	"a net.Conn":          netConn,
	"a write pump":        writePump,
	"a relay":             relay,
}

// TestPatterns: they see the same with gorilla at both ends, with ours, and with one of each.
func TestPatterns(t *testing.T) {
	for name, pattern := range patterns {
		t.Run(name, func(t *testing.T) {
			var want []string
			for i := range libraries {
				for j := range libraries {
					got := pattern(connect(t, &libraries[i], &libraries[j]))
					if i+j == 0 {
						want = got
					} else if !slices.Equal(got, want) {
						t.Errorf("server of %s, client of %s:\n%q, want\n%q", libraries[i].name,
							libraries[j].name, got, want)
					}
				}
			}
		})
	}
}

// connect returns the two ends of a connection by way of net/http.
func connect(t *testing.T, server, client *library) (s, c conn) {
	t.Helper()
	got := make(chan conn, 1)
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := server.upgrade(upgrading{}, w, r, nil)
		if err != nil {
			t.Error(err)
		}
		got <- c
	}))
	t.Cleanup(h.Close)
	c, _, err := client.dial(dialing{}, "ws"+strings.TrimPrefix(h.URL, "http"), nil)
	check(t, err)
	s = <-got
	t.Cleanup(func() { _, _ = s.Close(), c.Close() })
	for _, c := range []conn{s, c} {
		check(t, c.SetReadDeadline(time.Now().Add(time.Minute)))
	}
	return s, c
}

// saw puts what was seen into words that are the same in each run.
func saw(what ...any) string {
	return addresses.ReplaceAllString(strings.TrimSpace(fmt.Sprintln(what...)), "ADDR")
}

// drain reads until an error, which it returns.
func drain(c conn) error {
	for {
		if _, _, err := c.ReadMessage(); err != nil {
			return err
		}
	}
}

// closingHandshake: one side sends a Close frame, the other answers by its default handler.
func closingHandshake(server, client conn) (log []string) {
	payload := theirs.FormatCloseMessage(theirs.CloseNormalClosure, "bye")
	soon := time.Now().Add(time.Minute)
	log = append(log, saw(client.WriteControl(theirs.CloseMessage, payload, soon)))
	log = append(log, saw(drain(server)))
	log = append(log, saw(server.WriteMessage(theirs.TextMessage, []byte("late"))))
	log = append(log, saw(drain(client)))
	log = append(log, saw(client.WriteMessage(theirs.CloseMessage, payload)))
	log = append(log, saw(server.Close(), client.Close()))
	return log
}

// proxyErrors: what a reverse proxy gets to know of a connection that was cut.
func proxyErrors(server, client conn) (log []string) {
	log = append(log, saw(client.Close()))
	_, _, err := server.NextReader()
	_, _, again := server.NextReader()
	return append(log, saw(err, again == err))
}

// handlersThatClose: handlers that end the connection, or write to it, within a read.
func handlersThatClose(server, client conn) (log []string) {
	server.SetPingHandler(func(s string) error {
		log = append(log, "ping "+s)
		return server.WriteMessage(theirs.TextMessage, []byte("pinged"))
	})
	server.SetPongHandler(func(s string) error {
		log = append(log, "pong "+s)
		return server.SetReadDeadline(time.Now().Add(time.Minute))
	})
	server.SetCloseHandler(func(code int, text string) error {
		log = append(log, saw("close", code, text))
		return server.Close()
	})
	log = append(log, saw(client.WriteMessage(theirs.PingMessage, []byte("1"))))
	log = append(log, saw(client.WriteMessage(theirs.PongMessage, []byte("2"))))
	log = append(log, saw(client.WriteMessage(theirs.CloseMessage, []byte("\x0f\xa0mine"))))
	log = append(log, saw(drain(server)))
	_, p, err := client.ReadMessage()
	log = append(log, saw(string(p), err))
	return append(log, saw(drain(client)), saw(drain(server)))
}

// keepalive: pings by WriteControl; pongs extend the deadline of reads, until there are none.
func keepalive(server, client conn) (log []string) {
	pongs := 0
	server.SetPongHandler(func(string) error {
		pongs++
		return server.SetReadDeadline(time.Now().Add(time.Minute))
	})
	go func() { _ = drain(client) }()
	for range 3 {
		err := server.WriteControl(theirs.PingMessage, nil, time.Now().Add(time.Minute))
		log = append(log, saw(err))
	}
	for pongs < 3 { // a read ends with a message, so that there has to be one
		_ = client.WriteMessage(theirs.TextMessage, []byte("x"))
		if _, _, err := server.ReadMessage(); err != nil {
			return append(log, saw(err))
		}
	}
	_ = server.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	err := drain(server)
	var timeout net.Error
	log = append(log, saw(err, errors.As(err, &timeout) && timeout.Timeout()))
	log = append(log, saw(server.SetReadDeadline(time.Time{}), drain(server) == err))
	return append(log, saw(server.WriteMessage(theirs.TextMessage, []byte("still"))))
}

// manyDocuments: JSON over NextReader and NextWriter, several in a message.
func manyDocuments(server, client conn) (log []string) {
	w, err := client.NextWriter(theirs.TextMessage)
	log = append(log, saw(err))
	e := json.NewEncoder(w)
	for i := range 3 {
		log = append(log, saw(e.Encode(map[string]int{"n": i})))
	}
	log = append(log, saw(w.Close()), saw(client.WriteJSON([]string{"x"})))
	_, r, err := server.NextReader()
	log = append(log, saw(err))
	for d := json.NewDecoder(r); ; {
		var v any
		err := d.Decode(&v)
		if log = append(log, saw(v, err)); err != nil {
			break
		}
	}
	var v []string
	return append(log, saw(server.ReadJSON(&v), v))
}

// netConn: a stream over messages, as tunnels have it.
func netConn(server, client conn) (log []string) {
	const size = 300_000
	sent := bytes.Repeat([]byte("0123456789"), size/10)
	go func() {
		for p := sent; len(p) > 0; {
			n := min(len(p), 32<<10)
			if client.WriteMessage(theirs.BinaryMessage, p[:n]) != nil {
				return
			}
			p = p[n:]
		}
		_ = client.WriteControl(theirs.CloseMessage, nil, time.Time{})
	}()
	var got []byte
	for {
		_, r, err := server.NextReader()
		if err != nil {
			return append(log, saw(bytes.Equal(got, sent), err))
		}
		for {
			p := make([]byte, 1500)
			n, err := r.Read(p)
			got = append(got, p[:n]...)
			if err != nil {
				if err != io.EOF {
					log = append(log, saw(err))
				}
				break
			}
		}
	}
}

// writePump: one goroutine writes what a channel has, several at a time into one message, and ends
// with an empty Close frame.
func writePump(server, client conn) (log []string) {
	send := make(chan string, 100)
	go func() {
		defer func() { _ = server.Close() }()
		for text := range send {
			_ = server.SetWriteDeadline(time.Now().Add(time.Minute))
			w, err := server.NextWriter(theirs.TextMessage)
			if err != nil {
				return
			}
			_, _ = io.WriteString(w, text)
			_, _ = w.Write([]byte{'\n'})
			if w.Close() != nil {
				return
			}
		}
		_ = server.WriteMessage(theirs.CloseMessage, []byte{})
	}()
	for i := range 50 {
		send <- fmt.Sprint("message ", i)
	}
	close(send)
	var all strings.Builder
	for {
		_, p, err := client.ReadMessage()
		if err != nil {
			return append(log, all.String(), saw(err))
		}
		all.Write(p)
	}
}

// relay: messages that are copied from one connection to the other by NextReader and NextWriter, in
// both directions at once, with control frames.
func relay(server, client conn) (log []string) {
	var both sync.WaitGroup
	for _, c := range []conn{server, client} {
		both.Go(func() {
			for i := range 50 {
				_ = c.WriteMessage(theirs.BinaryMessage, bytes.Repeat([]byte{byte(i)}, i*500))
				_ = c.WriteControl(theirs.PingMessage, []byte{byte(i)}, time.Now().Add(time.Minute))
			}
		})
	}
	results := make([]string, 2)
	for i, c := range []conn{server, client} {
		both.Go(func() {
			total := 0
			for range 50 {
				_, r, err := c.NextReader()
				if err != nil {
					results[i] = saw(err)
					return
				}
				n, err := io.Copy(io.Discard, r)
				if total += int(n); err != nil {
					results[i] = saw(err)
					return
				}
			}
			results[i] = saw(total)
		})
	}
	both.Wait()
	return append(log, results...)
}
