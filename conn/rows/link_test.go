package rows

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"testing"
	"testing/synctest"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// link is a connection and the scripted peer at its other end.
type link struct {
	*testing.T
	role frame.Role // c's
	c    *ws.Conn
	p    *wstest.Peer // plays the other role

	near, far *wstest.PipeConn // c's end and p's; nil over TCP
	app       chan readOutcome // of the program that reads c
}

// readOutcome is what a program that read a connection to its end has seen.
type readOutcome struct {
	messages []string // as describe writes them
	err      error
}

// setup is what a connection is made with.
type setup struct {
	cfg     ws.Config
	deflate *handshake.Deflate // what the handshake agreed on; nil: no compression
}

// newLink makes a connection of near and a peer of far.
func newLink(t *testing.T, role frame.Role, s setup, near, far net.Conn) *link {
	c := ws.New(near, role, ws.Negotiated{Deflate: s.deflate}, s.cfg)
	l := &link{T: t, role: role, c: c, p: wstest.NewPeer(t, far, role.Peer())}
	l.near, _ = near.(*wstest.PipeConn)
	l.far, _ = far.(*wstest.PipeConn)
	return l
}

// inLink runs a test with a link in a synctest bubble: over a pipe, with time
// that passes when everybody waits. The default configuration applies.
func inLink(run func(*link)) func(*testing.T, frame.Role) {
	return inLinkWith(ws.Config{}, run)
}

// inLinkWith is inLink with a configuration.
func inLinkWith(cfg ws.Config, run func(*link)) func(*testing.T, frame.Role) {
	return func(t *testing.T, role frame.Role) { throughPipe(t, role, setup{cfg: cfg}, pipeSize, run) }
}

// inThinLink is inLinkWith over a pipe that holds little.
func inThinLink(cfg ws.Config, run func(*link)) func(*testing.T, frame.Role) {
	return func(t *testing.T, role frame.Role) { throughPipe(t, role, setup{cfg: cfg}, 1<<10, run) }
}

func throughPipe(t *testing.T, role frame.Role, s setup, size int, run func(*link)) {
	synctest.Test(t, func(t *testing.T) {
		near, far := wstest.Pipe(size)
		near.StrictClose()
		l := newLink(t, role, s, near, far)
		defer l.c.CloseNow() // if the test failed half-way
		run(l)
	})
}

// A transport is what a connection runs over.
type transport struct {
	name string
	run  func(t *testing.T, role frame.Role, s setup, test func(*link))
	wait func() // until everybody waits; nil if nobody can tell
}

var overPipe = transport{"pipe", func(t *testing.T, role frame.Role, s setup, test func(*link)) {
	throughPipe(t, role, s, pipeSize, test)
}, synctest.Wait}

// overTCP is a socket, which package conn reads by its descriptor if the
// system lets it.
var overTCP = transport{"TCP", func(t *testing.T, role frame.Role, s setup, test func(*link)) {
	near, far := wstest.TCP(t)
	l := newLink(t, role, s, near, far)
	defer l.c.CloseNow()
	test(l)
}, nil}

// A driver is one of the ways in which a program reads a connection. It hands
// each message to deliver and returns how the connection ended.
type driver struct {
	name string
	run  func(c *ws.Conn, deliver func(ws.MessageType, []byte)) error
}

var drivers = []driver{
	{"Read", func(c *ws.Conn, deliver func(ws.MessageType, []byte)) error {
		for {
			typ, p, err := c.Read(bg)
			if err != nil {
				return err
			}
			deliver(typ, p)
		}
	}},
	{"ReadInto", func(c *ws.Conn, deliver func(ws.MessageType, []byte)) error {
		buf := []byte("before")
		for {
			typ, p, err := c.ReadInto(bg, buf[:6])
			if err != nil {
				return err
			}
			buf = p
			deliver(typ, p[6:])
		}
	}},
	{"NextReader", func(c *ws.Conn, deliver func(ws.MessageType, []byte)) error {
		for {
			typ, m, err := c.NextReader(bg)
			if err != nil {
				return err
			}
			p, err := io.ReadAll(m)
			if err != nil {
				return err
			}
			deliver(typ, p)
		}
	}},
	{"Serve", serve},
}

// serve is the driver of the callbacks. The browser's four events have to come
// in order: Open, messages, Error if the end is not clean, Close.
func serve(c *ws.Conn, deliver func(ws.MessageType, []byte)) error {
	var events []string
	err := c.Serve(bg, &ws.Events{
		Open: func(*ws.Conn, *handshake.Request) { events = append(events, "open") },
		Message: func(_ *ws.Conn, typ ws.MessageType, p []byte) {
			events = slices.Compact(append(events, "message"))
			deliver(typ, p)
		},
		Error: func(*ws.Conn, error) { events = append(events, "error") },
		Close: func(*ws.Conn, *ws.CloseError) { events = append(events, "close") },
	})
	want := []string{"open"}
	if slices.Contains(events, "message") {
		want = append(want, "message")
	}
	var end *ws.CloseError
	if errors.As(err, &end) && !end.Clean() {
		want = append(want, "error")
	}
	if want = append(want, "close"); !slices.Equal(events, want) {
		return fmt.Errorf("Serve: events %q, want %q, before %w", events, want, err)
	}
	return err
}

// read starts a program that reads the connection to its end.
func (l *link) read(d driver) { l.readAnd(d, func(ws.MessageType, []byte) {}) }

// readAnd is read with something to do for each message.
func (l *link) readAnd(d driver, do func(ws.MessageType, []byte)) {
	l.app = make(chan readOutcome, 1)
	go func() {
		var o readOutcome
		o.err = d.run(l.c, func(typ ws.MessageType, p []byte) {
			o.messages = append(o.messages, describe(frame.Opcode(typ), string(p)))
			do(typ, p)
		})
		l.app <- o
	}()
}

// echo starts a program that sends each message back.
func (l *link) echo(d driver) {
	l.readAnd(d, func(typ ws.MessageType, p []byte) { _ = l.c.Write(bg, typ, p) })
}

// reading is the driver of tests for which all are alike.
var reading = drivers[0]

// outcome returns what that program has seen, once it is over.
func (l *link) outcome() (messages []string, end *ws.CloseError) {
	l.Helper()
	o := await(l.T, l.app)
	if !errors.As(o.err, &end) || !errors.Is(o.err, net.ErrClosed) {
		l.Fatalf("reading ended with %v, want a *CloseError", o.err)
	}
	if err := l.c.Err(); err != error(end) {
		l.Fatalf("Err() = %v, want %v, with which reading ended", err, end)
	}
	await(l.T, l.c.Done())
	return o.messages, end
}

// wantEnd is outcome for a connection that delivered nothing more and ended with
// this.
func (l *link) wantEnd(want ws.CloseError) {
	l.Helper()
	messages, end := l.outcome()
	if errors.Is(end.Err, want.Err) { // with the sizes
		want.Err = end.Err
	}
	if !isEnd(*end, want) {
		l.Fatalf("ended with %+v, want %+v", *end, want)
	}
	if len(messages) > 0 {
		l.Fatalf("messages %q, want none", messages)
	}
}

// hangUp is the peer's end of TCP in its role: a client waits for the server's,
// section 7.1.1, and a server ends it.
func (l *link) hangUp() {
	l.Helper()
	if l.role == frame.Server {
		l.p.WantEOF()
	}
	_ = l.p.NetConn().Close()
}

// finish ends a link that is open with a closing handshake of the peer's.
func (l *link) finish() {
	l.Helper()
	l.p.Close(ws.CloseNormal, "done")
	l.p.WantClose(ws.CloseNormal)
	l.hangUp()
	await(l.T, l.c.Done())
}
