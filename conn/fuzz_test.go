package conn

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/cryptotest"
	"time"

	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// feed is a transport that delivers bytes in pieces and then ends. In between
// it has the context of the call end. What is written to it is kept.
type feed struct {
	in     []byte
	r      *rand.Rand             // nil: all bytes at once
	ways   *rand.Rand             // of the caller, beside whom a Close may read; nil: one way of reading
	next   func() context.Context // replaces context
	cancel context.CancelFunc     // of the call at work, if it may end early
	c      *Conn                  // whose calls these are

	mu      sync.Mutex
	out     []byte
	closed  bool
	expired chan struct{} // holds a token while the read deadline is in the past
}

func newFeed(in []byte, r *rand.Rand) *feed {
	s := &feed{in: bytes.Clone(in), r: r, expired: make(chan struct{}, 1)}
	if r != nil {
		s.ways = rand.New(rand.NewPCG(r.Uint64(), 2))
	}
	return s
}

func (s *feed) Read(p []byte) (int, error) {
	if s.isClosed() {
		return 0, net.ErrClosed
	}
	if s.c == nil && len(s.expired) > 0 { // New's, to find out whether deadlines work
		return 0, os.ErrDeadlineExceeded
	}
	if s.c != nil && s.c.lifecycle() == frame.Open && s.cancel != nil && s.r.IntN(4) == 0 {
		s.cancel()
		s.cancel = nil
		s.expired <- <-s.expired // until the end of the context has come this far
		return 0, os.ErrDeadlineExceeded
	}
	if len(s.in) == 0 {
		return 0, io.EOF
	}
	if s.r != nil {
		p = p[:min(len(p), 1+s.r.IntN(1<<s.r.IntN(14)))]
	}
	n := copy(p, s.in)
	s.in = s.in[n:]
	return n, nil
}

func (s *feed) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, net.ErrClosed
	}
	s.out = append(s.out, p...)
	return len(p), nil
}

func (s *feed) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func (s *feed) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

func (s *feed) SetReadDeadline(t time.Time) error {
	select {
	case <-s.expired:
	default:
	}
	if !t.IsZero() && t.Before(time.Unix(100, 0)) {
		s.expired <- struct{}{}
	}
	return nil
}

func (s *feed) SetDeadline(t time.Time) error  { return s.SetReadDeadline(t) }
func (*feed) SetWriteDeadline(time.Time) error { return nil }
func (*feed) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (*feed) RemoteAddr() net.Addr             { return &net.TCPAddr{} }

// context is the context of the next call, which may end early or not at all.
func (s *feed) context() context.Context {
	if s.next != nil {
		return s.next()
	}
	s.cancel = nil
	if s.ways == nil || s.ways.IntN(3) == 0 {
		return bg
	}
	ctx, cancel := context.WithCancel(bg)
	s.cancel = cancel
	return ctx
}

// watchdog ends the program if the test does not end.
func watchdog(t *testing.T) {
	dog := time.AfterFunc(20*time.Second, func() { panic("the test hangs") })
	t.Cleanup(func() { dog.Stop() })
}

// FuzzConn feeds hostile bytes to a connection in both roles, with and without
// compression, in random pieces, through every way of reading and with contexts
// that end at random. Messages and the end are those of the same bytes read at
// once, what goes back are legal frames, and nothing hangs.
func FuzzConn(f *testing.F) {
	for i, b := range requirementBytes(f) {
		f.Add(b, uint64(i), uint8(i))
		f.Add(b, uint64(i), uint8(3-i%4))
	}
	f.Add(bytes.Repeat([]byte{0x89, 0x80, 0, 0, 0, 0}, 500), uint64(1), uint8(0))
	f.Add(append(frame.Append(nil, frame.Header{Opcode: frame.Text, Length: 9000, Fin: true}), pattern(9000)...), uint64(2), uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, seed uint64, kind uint8) {
		watchdog(t)
		whole := readFeed(t, b, nil, kind)
		pieces := readFeed(t, b, rand.New(rand.NewPCG(seed, 0)), kind)
		if whole != pieces {
			t.Fatalf("at once:\n%s\nin pieces:\n%s", whole, pieces)
		}
	})
}

const fuzzLimit = 20000

// readFeed reads b to the end and returns what came: the messages and the end.
func readFeed(t *testing.T, b []byte, r *rand.Rand, kind uint8) string {
	s := newFeed(b, r)
	c, log := newLogged(t, s, kind)
	s.c = c
	var err error
	for !isEnd(err) {
		if err = s.readOnce(c, log.took); err != nil && !isEnd(err) && err != context.Canceled {
			t.Fatalf("a call that ended with %v", err)
		}
	}
	<-c.Done()
	s.mu.Lock()
	defer s.mu.Unlock()
	checkFrames(t, s.out, frame.Role(kind&1).Peer())
	return log.end(err)
}

// readLog notes what a connection receives.
type readLog struct {
	t       *testing.T
	deflate bool
	text    strings.Builder
}

// newLogged is a connection for the bits of kind: 1 a client, 2 with
// compression, and the window.
func newLogged(t *testing.T, nc net.Conn, kind uint8) (*Conn, *readLog) {
	var n Negotiated
	if kind&2 != 0 {
		n.Deflate = deflated(8 + int(kind>>2)%8)
	}
	c := New(nc, frame.Role(kind&1), n, Config{MaxMessageSize: fuzzLimit, MaxFragments: 200})
	return c, &readLog{t: t, deflate: n.Deflate != nil}
}

func (l *readLog) took(mt MessageType, p []byte) {
	if len(p) > fuzzLimit || mt == Text && !frame.ValidUTF8(p) {
		l.t.Errorf("%v of %d bytes", mt, len(p))
	}
	fmt.Fprintf(&l.text, "%v %d %x\n", mt, len(p), p[:min(len(p), 100)])
}

// end notes the end, and returns the notes.
func (l *readLog) end(err error) string {
	var end *CloseError
	errors.As(err, &end)
	cause := end.Err
	if l.deflate && (errors.Is(cause, frame.ErrInvalidUTF8) || errors.Is(cause, ErrMessageTooBig)) {
		// Of a compressed text with several faults the pieces decide which is
		// found first, as text is checked when a piece of it is inflated.
		cause = frame.ErrInvalidDeflate
	}
	fmt.Fprintf(&l.text, "%d %q %v %v", end.Code, end.Reason, end.Remote, cause)
	return l.text.String()
}

// readOnce does one call of one of the ways of reading.
func (s *feed) readOnce(c *Conn, took func(MessageType, []byte)) error {
	way := 0
	if s.ways != nil {
		way = s.ways.IntN(4)
	}
	ctx := s.context()
	switch way {
	case 1:
		mt, p, err := c.ReadInto(ctx, []byte("before"))
		if err == nil {
			took(mt, p[6:])
		}
		return err
	case 2:
		return s.readPieces(ctx, c, took)
	case 3:
		return c.Serve(ctx, &Events{Message: func(_ *Conn, mt MessageType, p []byte) { took(mt, p) }})
	}
	mt, p, err := c.Read(ctx)
	if err == nil {
		took(mt, p)
	}
	return err
}

// readPieces reads one message through a MessageReader, to its end.
func (s *feed) readPieces(ctx context.Context, c *Conn, took func(MessageType, []byte)) error {
	mt, m, err := c.NextReader(ctx)
	var all []byte
	for p := make([]byte, 1+s.ways.IntN(3000)); err == nil; {
		var n int
		n, err = m.Read(p)
		all = append(all, p[:n]...)
		if err == context.Canceled {
			mt, m, err = c.NextReader(s.context())
		}
		for err == context.Canceled {
			mt, m, err = c.NextReader(s.context())
		}
	}
	if err != io.EOF {
		return err
	}
	took(mt, all)
	return nil
}

// checkFrames reads what a connection wrote as its peer, role, would: control
// frames alone.
func checkFrames(t *testing.T, wrote []byte, role frame.Role) {
	d := frame.Decoder{Role: role}
	for p := wrote; len(p) > 0; {
		ev, n, err := d.Step(p)
		if err != nil || ev.Kind != frame.Control || ev.Opcode == frame.Ping {
			if ev.Kind == frame.NeedData {
				t.Fatalf("bytes after a Close frame, or half a frame: %x", p)
			}
			t.Fatalf("wrote %x: %v", wrote, err)
		}
		p = p[n:]
	}
}

// hexRow is a row's example of bytes: `81 05 48 65`, with k for a masking key.
var hexRow = regexp.MustCompile("`([0-9a-fA-F]{2}( ([0-9a-fA-F]{2,}|k))+)`")

// requirementBytes are the examples of docs/requirements.md, masked and not.
func requirementBytes(tb testing.TB) (all [][]byte) {
	doc, err := os.ReadFile("../docs/requirements.md")
	if err != nil {
		tb.Fatal(err)
	}
	for _, m := range hexRow.FindAllSubmatch(doc, -1) {
		for _, key := range []string{"00000000", ""} {
			b, err := hex.DecodeString(strings.ReplaceAll(strings.ReplaceAll(string(m[1]), "k", key), " ", ""))
			if err == nil {
				all = append(all, b)
			}
		}
	}
	if len(all) < 50 {
		tb.Fatalf("%d examples found", len(all))
	}
	return all
}

// handshakeRows are one column of package handshake's tables.
func handshakeRows(tb testing.TB, file, column string) (all []string) {
	var rows []map[string]any
	b, err := os.ReadFile("../handshake/testdata/" + file)
	if err == nil {
		err = json.Unmarshal(b, &rows)
	}
	if err != nil {
		tb.Fatal(err)
	}
	for _, row := range rows {
		if s, ok := row[column].(string); ok {
			all = append(all, s)
		}
	}
	if len(all) < 20 {
		tb.Fatalf("%d rows with %q found", len(all), column)
	}
	return all
}

var date = regexp.MustCompile("Date: .*\r\n")

// FuzzUpgradeNet sends hostile handshakes, in random pieces: one response at
// most, the same as at once, and the end of the transport after a refusal.
func FuzzUpgradeNet(f *testing.F) {
	for i, row := range handshakeRows(f, "server_rows.json", "request") {
		f.Add([]byte(row), uint64(i))
	}
	u := &Upgrader{Config: takeover, Subprotocols: []string{"chat", "superchat"}}
	upgrade := func(t *testing.T, b []byte, r *rand.Rand) string {
		s := newFeed(b, r)
		c, _, err := u.UpgradeNet(bg, s, nil)
		if err != nil {
			if !s.isClosed() {
				t.Fatalf("the transport stayed open after %v", err)
			}
		} else {
			_ = c.CloseNow()
			<-c.Done()
		}
		out := strings.TrimPrefix(string(s.out), handshake.Continue)
		if n := strings.Count(out, "HTTP/1.1 "); n > 1 || (err == nil) != strings.HasPrefix(out, "HTTP/1.1 101 ") {
			t.Fatalf("error %v and %d responses: %q", err, n, out)
		}
		return fmt.Sprint(date.ReplaceAllString(out, ""), err)
	}
	f.Fuzz(func(t *testing.T, b []byte, seed uint64) {
		watchdog(t)
		whole := upgrade(t, b, nil)
		if pieces := upgrade(t, b, rand.New(rand.NewPCG(seed, 0))); pieces != whole {
			t.Fatalf("at once:\n%s\nin pieces:\n%s", whole, pieces)
		}
	})
}

// sampleAccept is what a seed has for the accept value, which depends on a
// random key.
const sampleAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

// answering is a feed that answers the request it gets.
type answering struct{ *feed }

func (a answering) Write(p []byte) (int, error) {
	if _, key, ok := strings.Cut(string(p), "Sec-WebSocket-Key: "); ok {
		accept := handshake.Accept(key[:24])
		a.in = bytes.ReplaceAll(a.in, []byte(sampleAccept), []byte(accept))
	}
	return a.feed.Write(p)
}

// FuzzDialResponse answers a Dial with hostile bytes, in random pieces: nothing
// hangs, and the outcome is that of the bytes at once.
func FuzzDialResponse(f *testing.F) {
	for i, row := range handshakeRows(f, "client_rows.json", "response") {
		f.Add([]byte(row), uint64(i))
	}
	f.Add([]byte("HTTP/1.1 101 \r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+sampleAccept+"\r\n\r\n\x81\x02hi"), uint64(1))
	dial := func(t *testing.T, b []byte, r *rand.Rand) string {
		cryptotest.SetGlobalRandom(t, 1) // the errors quote the accept value if a body has it
		s := newFeed(b, r)
		d := &Dialer{Config: takeover, Subprotocols: []string{"chat"}, Proxy: NoProxy, MaxRedirects: -1}
		d.NetDial = func(context.Context, string, string) (net.Conn, error) { return answering{s}, nil }
		c, resp, err := d.Dial(bg, "ws://localhost/")
		if err != nil {
			if !s.isClosed() {
				t.Fatalf("the transport stayed open after %v", err)
			}
			return err.Error()
		}
		_, p, err := c.Read(bg)
		_ = c.CloseNow()
		<-c.Done()
		return fmt.Sprint(resp.Status, c.Subprotocol(), c.Deflate(), len(p), err)
	}
	f.Fuzz(func(t *testing.T, b []byte, seed uint64) {
		watchdog(t)
		whole := dial(t, b, nil)
		if pieces := dial(t, b, rand.New(rand.NewPCG(seed, 0))); pieces != whole {
			t.Fatalf("at once:\n%s\nin pieces:\n%s", whole, pieces)
		}
	})
}
