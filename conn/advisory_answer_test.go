package conn

import (
	"bufio"
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/handshake"
)

// answerTo has a Dialer get this answer, with sampleAccept replaced by the right
// value, and returns the transport and the error.
func answerTo(d *Dialer, answer string) (*feed, error) {
	s := newFeed([]byte(answer), nil)
	d.Proxy = NoProxy
	d.NetDial = func(context.Context, string, string) (net.Conn, error) { return answering{s}, nil }
	c, _, err := d.Dial(bg, "ws://localhost/")
	if c != nil {
		_ = c.CloseNow()
		<-c.Done()
	}
	return s, err
}

// goodAnswer is the lines of an answer that a client takes.
func goodAnswer(more ...string) []string {
	return append([]string{
		"HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Accept: " + sampleAccept,
	}, more...)
}

func lines(s []string) string { return strings.Join(s, "\r\n") + "\r\n\r\n" }

// answerFloods: a server that answers with too much is left, and costs no more
// memory than a handshake may.
func answerFloods(t *testing.T) {
	for name, answer := range map[string]string{
		"2000 headers":               lines(goodAnswer(slices.Repeat([]string{"X: y"}, 2000)...)),
		"a header of 64 KiB":         lines(goodAnswer("X: " + strings.Repeat("x", 64<<10))),
		"a header without an end":    "HTTP/1.1 101 x\r\nX: " + strings.Repeat("x", 1<<20),
		"a name without an end":      "HTTP/1.1 101 x\r\n" + strings.Repeat("x", 1<<20),
		"a reason without an end":    "HTTP/1.1 101 " + strings.Repeat("x", 1<<20),
		"interim responses":          strings.Repeat("HTTP/1.1 103 x\r\n\r\n", 1<<15),
		"1000 extensions":            lines(goodAnswer("Sec-WebSocket-Extensions: " + strings.Repeat("a,", 1000) + "b")),
		"a parameter without an end": lines(goodAnswer("Sec-WebSocket-Extensions: permessage-deflate; a=\"" + strings.Repeat("\\x", 20000))),
	} {
		before := allocated()
		s, err := answerTo(new(Dialer), answer)
		if n := allocated() - before; n > 2*uint64(len(answer))+512<<10 && !raceEnabled { // two copies are the test's own
			t.Errorf("%s: %d bytes were allocated", name, n)
		}
		var refused *handshake.Error
		if !errors.As(err, &refused) || !s.isClosed() {
			t.Errorf("%s: %v, closed: %v", name, err, s.isClosed())
		}
	}
}

// headersMissing: an answer without any one of its lines is none.
func headersMissing(t *testing.T) {
	if _, err := answerTo(new(Dialer), lines(goodAnswer())); err != nil {
		t.Fatal(err)
	}
	for i := range goodAnswer() {
		answer := slices.Delete(goodAnswer(), i, i+1)
		if s, err := answerTo(new(Dialer), lines(answer)); err == nil || !s.isClosed() {
			t.Errorf("without line %d: %v", i, err)
		}
	}
	// Over HTTP/2 an answer has no more than a status: text that claims to be one
	// is none.
	if s, err := answerTo(new(Dialer), "HTTP/2.0 200 OK\r\n\r\n"); err == nil || !s.isClosed() {
		t.Errorf("HTTP/2 in text: %v", err)
	}
}

// answerByteByByte: 60 KiB in single bytes are parsed once, when all are there.
func answerByteByByte(t *testing.T) {
	answer := lines(goodAnswer("X: " + strings.Repeat("x", 60<<10)))
	s := newFeed([]byte(answer), nil)
	d := &Dialer{Proxy: NoProxy}
	d.NetDial = func(context.Context, string, string) (net.Conn, error) {
		return struct{ net.Conn }{&answeringBytewise{answering{s}}}, nil
	}
	before := allocated()
	c, _, err := d.Dial(bg, "ws://localhost/")
	if err != nil {
		t.Fatal(err)
	}
	if n := allocated() - before; n > 1<<20 && !raceEnabled {
		t.Errorf("%d bytes were allocated", n)
	}
	_ = c.CloseNow()
	<-c.Done()
}

type answeringBytewise struct{ answering }

func (a *answeringBytewise) Read(p []byte) (int, error) { return a.answering.Read(p[:1]) }

// slowAnswer: a server that sends a byte every second is left in the end, and so is
// one that is silent.
func slowAnswer(t *testing.T) {
	for _, interval := range []time.Duration{time.Second, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			a, b := wstest.Pipe(1 << 10)
			var sending sync.WaitGroup
			defer sending.Wait()
			sending.Go(func() { dribble(b, lines(goodAnswer()), interval) })
			d := &Dialer{Proxy: NoProxy, NetDial: func(context.Context, string, string) (net.Conn, error) { return a, nil }}
			start := time.Now()
			_, _, err := d.Dial(bg, "ws://localhost/")
			if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took != defaultHandshakeTimeout {
				t.Errorf("after %v: %v", took, err)
			}
			_ = b.Close()
		})
	}
}

// upgradeHTTP is upgradeWith through net/http's door. header is what a handler has
// set before.
func upgradeHTTP(t *testing.T, u *Upgrader, req string, header http.Header) (response string, err error) {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(req)))
	if err != nil {
		t.Fatal(err)
	}
	s := newFeed(nil, nil)
	rec := hijackable{httptest.NewRecorder(), s}
	maps.Copy(rec.Header(), header)
	c, err := u.Upgrade(rec, r)
	if c != nil {
		_ = c.CloseNow()
		<-c.Done()
		return string(s.out), err
	}
	var b strings.Builder
	_ = rec.Result().Write(&b)
	return b.String(), err
}

// eachDoor upgrades a request through both of the server's doors.
func eachDoor(t *testing.T, u *Upgrader, req string, check func(door, response string, err error)) {
	response, err := upgradeWith(t, u, req)
	check("UpgradeNet", response, err)
	response, err = upgradeHTTP(t, u, req, nil)
	check("Upgrade", response, err)
}
