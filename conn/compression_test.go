package conn

import (
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// inflater is the other side of a compressed direction, by compress/flate: the
// window is a dictionary for each message.
type inflater struct{ window []byte }

func (z *inflater) message(t testing.TB, wire []byte) []byte {
	t.Helper()
	tail := "\x00\x00\xff\xff\x01\x00\x00\xff\xff" // an empty last block makes flate.Reader end
	r := flate.NewReaderDict(io.MultiReader(bytes.NewReader(wire), strings.NewReader(tail)), z.window)
	p, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("inflate %x: %v", wire, err)
	}
	z.window = append(z.window, p...)
	z.window = z.window[max(0, len(z.window)-32<<10):]
	return p
}

// deflater is an independent sender with context takeover.
type deflater struct {
	buf bytes.Buffer
	w   *flate.Writer
}

func newDeflater() *deflater {
	z := new(deflater)
	z.w, _ = flate.NewWriter(&z.buf, 6)
	return z
}

func (z *deflater) message(p []byte) []byte {
	z.buf.Reset()
	_, _ = z.w.Write(p)
	_ = z.w.Flush()
	return bytes.TrimSuffix(bytes.Clone(z.buf.Bytes()), []byte("\x00\x00\xff\xff"))
}

// zipPeer is pipePeer with compression agreed.
func zipPeer(t testing.TB, role frame.Role, bits int, cfg Config) (*Conn, *wstest.Peer) {
	a, b := wstest.Pipe(1 << 20)
	c := New(a, role, Negotiated{Deflate: deflated(bits)}, cfg)
	t.Cleanup(func() { _ = c.CloseNow() })
	return c, wstest.NewPeer(t, b, role.Peer())
}

// sendZipped sends a compressed message in frames of at most size bytes.
func sendZipped(p *wstest.Peer, role frame.Role, op frame.Opcode, wire []byte, size int) {
	h := frame.Header{Opcode: op, RSV: frame.RSV1, Masked: role == frame.Server}
	for len(wire) > size {
		p.Send(h, wire[:size])
		h.Opcode, h.RSV = frame.Continuation, 0
		wire = wire[size:]
	}
	h.Fin = true
	p.Send(h, wire)
}

// wantMessage reads a message of any frames, inflating it if it is compressed.
func wantMessage(t testing.TB, p *wstest.Peer, z *inflater) (frame.Opcode, []byte) {
	t.Helper()
	h, payload := p.WantFrame()
	if h.Opcode.IsControl() {
		return h.Opcode, payload
	}
	op, zipped := h.Opcode, h.RSV == frame.RSV1
	payload = bytes.Clone(payload)
	for !h.Fin {
		var more []byte
		if h, more = p.WantFrame(); h.Opcode != frame.Continuation || h.RSV != 0 {
			t.Fatalf("got %+v within a message", h)
		}
		payload = append(payload, more...)
	}
	if zipped {
		payload = z.message(t, payload)
	}
	return op, payload
}

// someText is compressible, and different for each i.
func someText(r *rand.Rand, n int) []byte {
	words := []string{`{"id":`, `"name":"`, `Ada`, `Grace`, `","value":`, `true}`, `null`, `[1,2,3]`, "ä", "𝄞"}
	var b []byte
	for len(b) < n {
		b = append(b, words[r.IntN(len(words))]...)
	}
	return b
}

// TestCompressionNeverDesyncs mixes compressed, plain, empty, control, prepared
// and streamed messages in both directions over one connection, against an
// independent codec, for each size of window.
func TestCompressionNeverDesyncs(t *testing.T) {
	for bits := 8; bits <= 15; bits++ {
		for _, role := range []frame.Role{frame.Server, frame.Client} {
			t.Run(fmt.Sprintf("sockudo-ws-14_takeover_desync/PD-7.1.1-09/%v/%d", role, bits), func(t *testing.T) {
				cfg := takeover
				cfg.Compression.Threshold = 20
				cfg.FragmentSize = 700
				c, peer := zipPeer(t, role, bits, cfg)
				r := rand.New(rand.NewPCG(uint64(bits), uint64(role)))
				in := new(inflater)
				for i := range 80 {
					p := someText(r, []int{0, 5, 100, 3000, 40000}[r.IntN(5)])
					if err := sendOneWay(c, r.IntN(7), p); err != nil {
						t.Fatal(err)
					}
					if i%10 == 0 {
						_, _ = c.Ping(cancelled()) // a control frame among them
					}
					_, got := wantMessage(t, peer, in)
					if !bytes.Equal(got, p) {
						t.Fatalf("message %d: got %d bytes, sent %d", i, len(got), len(p))
					}
				}
			})
		}
	}
}

// sendOneWay sends p in one of the ways.
func sendOneWay(c *Conn, way int, p []byte) error {
	switch way {
	case 0:
		return c.Write(bg, Text|Uncompressed, p)
	case 1:
		if err := c.Append(Text, p); err != nil {
			return err
		}
		return c.Flush(bg)
	case 2, 3:
		m, err := Prepare(Text, p)
		if err != nil {
			return err
		}
		if way == 2 {
			return c.WritePrepared(bg, m)
		}
		return c.SendPrepared(m)
	case 4:
		m, err := c.NextWriter(bg, Text)
		if err != nil {
			return err
		}
		for len(p) > 0 {
			n := min(len(p), 999)
			if _, err := m.Write(p[:n]); err != nil {
				return err
			}
			p = p[n:]
		}
		return m.Close()
	case 5: // begun and abandoned, then sent
		m, err := c.NextWriter(bg, Text)
		if err != nil {
			return err
		}
		if _, err := m.Write([]byte("abandoned \xce")); err != nil {
			return err
		}
		if err := m.Close(); err != frame.ErrInvalidUTF8 {
			return err
		}
	}
	return c.Write(bg, Text, p)
}

// TestReceiveCompressed: an independent sender's messages, split anywhere, with
// plain messages and pings between, through every way of reading.
func TestReceiveCompressed(t *testing.T) {
	for _, role := range []frame.Role{frame.Server, frame.Client} {
		for _, way := range []string{"Read", "ReadInto", "NextReader", "Serve"} {
			t.Run(fmt.Sprintf("%v/%s", role, way), func(t *testing.T) {
				c, peer := zipPeer(t, role, 15, takeover)
				r := rand.New(rand.NewPCG(1, uint64(role)))
				out := newDeflater()
				read := c.readIn(t, way)
				for i := range 30 {
					p := someText(r, r.IntN(3)*r.IntN(10000))
					if i%5 == 4 {
						peer.Text(string(p)) // plain, and no part of the window
					} else {
						sendZipped(peer, role, frame.Text, out.message(p), []int{1 << 20, 1000, 7}[i%3]+len(p)/1000)
					}
					if got := read(); !bytes.Equal(got, p) {
						t.Fatalf("message %d: got %d bytes, sent %d", i, len(got), len(p))
					}
				}
			})
		}
	}
}

// readIn returns a function that reads the next message in one of the ways.
func (c *Conn) readIn(t *testing.T, way string) func() []byte {
	messages := make(chan []byte)
	if way == "Serve" {
		go c.Serve(bg, &Events{Message: func(_ *Conn, _ MessageType, p []byte) { messages <- bytes.Clone(p) }})
	}
	return func() []byte {
		var p []byte
		var err error
		switch way {
		case "Read":
			_, p, err = c.Read(within(t))
		case "ReadInto":
			_, p, err = c.ReadInto(within(t), nil)
		case "NextReader":
			var m *MessageReader
			if _, m, err = c.NextReader(within(t)); err == nil {
				p, err = io.ReadAll(m)
			}
		case "Serve":
			p = <-messages
		}
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
}

// TestCompressedReadGoesOn: a read that ends within a compressed message loses
// nothing of it.
func TestCompressedReadGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := zipPeer(t, frame.Server, 15, takeover)
		p := someText(rand.New(rand.NewPCG(1, 2)), 30000)
		wire := newDeflater().message(p)
		b := frame.Append(nil, frame.Header{Opcode: frame.Text, Fin: true, RSV: frame.RSV1, Masked: true, Length: int64(len(wire))})
		b = append(b, wire...)
		cut := len(b) / 2
		peer.SendBytes(b[:cut])
		for range 2 {
			ctx, cancel := context.WithTimeout(bg, time.Second)
			if _, _, err := c.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			cancel()
		}
		peer.SendBytes(b[cut:])
		_, m, err := c.NextReader(bg)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(m); err != nil || !bytes.Equal(got, p) {
			t.Fatal(len(got), err)
		}
	})
}

// TestInflatePieces: a reader in small pieces gets all the text of what has come,
// before it waits for the next frame.
func TestInflatePieces(t *testing.T) {
	bubbles(t, func(t *testing.T, role frame.Role) {
		c, peer := zipPeer(t, role, 15, takeover)
		p := bytes.Repeat([]byte{'a'}, 1000) // nearly all of it one length and distance after the other
		h := frame.Header{Opcode: frame.Text, RSV: frame.RSV1, Masked: role == frame.Server}
		peer.Send(h, append(newDeflater().message(p), "\x00\x00\xff\xff"...))
		_, m, err := c.NextReader(within(t))
		if err != nil {
			t.Fatal(err)
		}
		for got := 0; got < len(p); {
			n, err := m.Read(make([]byte, 100))
			if got += n; err != nil {
				t.Fatalf("%v after %d bytes", err, got)
			}
		}
		h.Opcode, h.RSV, h.Fin = frame.Continuation, 0, true
		peer.Send(h, []byte{0}) // the header of an empty block, whose rest is not sent
		if n, err := m.Read(make([]byte, 100)); n > 0 || err != io.EOF {
			t.Error(n, err)
		}
	})
}

// TestBadCompression: each fault has its close code, in both roles and in every
// way of reading.
func TestBadCompression(t *testing.T) {
	big := newDeflater().message(bytes.Repeat([]byte{'x'}, 1001))
	for _, tt := range []struct {
		id, wire string
		op       frame.Opcode
		rule     *frame.Error
	}{
		{"PD-7.2-14", "\xff\xff", frame.Binary, frame.ErrInvalidDeflate},
		{"PD-7.2-15", "\xf2\x48\xcd", frame.Binary, frame.ErrInvalidDeflate},
		{"PD-7.2-16", "\xf2\x00\x11\x00\x00", frame.Binary, frame.ErrInvalidDeflate},
		{"U8-8.1-06", string(newDeflater().message([]byte("\xed\xa0\x80"))), frame.Text, frame.ErrInvalidUTF8},
		{"U8-8.1-06", string(newDeflater().message([]byte("cut\xce"))), frame.Text, frame.ErrInvalidUTF8},
		{"PD-8-18", string(big), frame.Binary, ErrMessageTooBig.(*frame.Error)},
	} {
		for _, role := range []frame.Role{frame.Server, frame.Client} {
			for _, way := range []string{"Read", "NextReader", "Serve"} {
				for _, size := range []int{1, 1000} {
					cfg := takeover
					cfg.MaxMessageSize = 1000
					c, peer := zipPeer(t, role, 15, cfg)
					sendZipped(peer, role, tt.op, []byte(tt.wire), size)
					var err error
					switch way {
					case "Read":
						_, _, err = c.Read(bg)
					case "NextReader":
						var m *MessageReader
						if _, m, err = c.NextReader(bg); err == nil {
							_, err = io.ReadAll(m)
						}
					case "Serve":
						peer.NetConn().(*wstest.PipeConn).CloseWrite()
						err = c.Serve(bg, &Events{})
					}
					wantEnd(t, err, CloseError{Code: CloseAbnormal, Err: tt.rule})
					peer.WantClose(tt.rule.Code())
				}
			}
		}
	}
}

// TestPlainLimit: a plain message on a compressed connection has the limit of
// its own, not the larger one of compressed frames.
func TestPlainLimit(t *testing.T) {
	cfg := takeover
	cfg.MaxMessageSize = 1000
	c, peer := zipPeer(t, frame.Client, 15, cfg)
	peer.Binary(make([]byte, 1000))
	if _, _, err := c.Read(bg); err != nil {
		t.Fatal(err)
	}
	sendZipped(peer, frame.Client, frame.Binary, newDeflater().message(make([]byte, 1000)), 1)
	if _, _, err := c.Read(bg); err != nil {
		t.Fatal(err)
	}
	peer.Fragments(frame.Binary, string(make([]byte, 600)), string(make([]byte, 401)))
	_, _, err := c.Read(bg)
	wantEnd(t, err, CloseError{Code: CloseAbnormal, Err: ErrMessageTooBig})
}

// TestBomb: a message that inflates a thousandfold is stopped at the limit, in
// one frame, in many, and across takeover.
func TestBomb(t *testing.T) {
	out := newDeflater()
	bomb := out.message(make([]byte, 16<<20))
	for _, size := range []int{1 << 20, 100} {
		c, peer := zipPeer(t, frame.Client, 15, takeover)
		sendZipped(peer, frame.Client, frame.Binary, newDeflater().message(make([]byte, 1<<20)), 1<<20)
		if _, p, err := c.Read(bg); err != nil || len(p) != 1<<20 {
			t.Fatal(len(p), err)
		}
		sendZipped(peer, frame.Client, frame.Binary, bomb, size) // the pipe holds it
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, err := c.Read(bg)
		runtime.ReadMemStats(&after)
		wantEnd(t, err, CloseError{Code: CloseAbnormal, Err: ErrMessageTooBig})
		if n := after.TotalAlloc - before.TotalAlloc; n > 8<<20 {
			t.Errorf("%d bytes were allocated for a message limited to 1 MiB", n)
		}
	}
}

// TestCompressedFraming: RSV1 on the first frame only; one frame by default,
// and fragments where they are asked for.
func TestCompressedFraming(t *testing.T) {
	p := make([]byte, 3000)
	rand.NewChaCha8([32]byte{}).Read(p) // does not compress
	for _, fragment := range []bool{false, true} {
		cfg := takeover
		cfg.FragmentSize = 1000
		cfg.Compression.Fragment = fragment
		c, peer := zipPeer(t, frame.Server, 15, cfg)
		if err := c.Write(bg, Binary, p); err != nil {
			t.Fatal(err)
		}
		h, _ := peer.WantFrame()
		if h.RSV != frame.RSV1 || h.Fin == fragment || h.Opcode != frame.Binary {
			t.Fatalf("%+v", h)
		}
		for !h.Fin {
			if h, _ = peer.WantFrame(); h.RSV != 0 || h.Opcode != frame.Continuation || h.Length > 1000 {
				t.Fatalf("%+v", h)
			}
		}
		if err := c.Write(bg, Text|Uncompressed, []byte("plain")); err != nil {
			t.Fatal(err)
		}
		peer.WantText("plain")
	}
}

// TestCompressionThreshold: what is shorter goes plain; a connection whose
// configuration is off takes compressed messages and sends none.
func TestCompressionThreshold(t *testing.T) {
	for _, tt := range []struct {
		z      Compression
		plain  int
		zipped int
	}{
		{Compression{Mode: CompressionTakeover}, 63, 64},
		{Compression{Mode: CompressionTakeover, Threshold: 10}, 9, 10},
		{Compression{Mode: CompressionTakeover, Threshold: -1}, -1, 0},
		{Compression{}, 1 << 19, -1},
	} {
		c, peer := zipPeer(t, frame.Server, 12, Config{Compression: tt.z, FragmentSize: -1})
		for _, n := range []int{tt.plain, tt.zipped} {
			if n < 0 {
				continue
			}
			if err := c.Write(bg, Binary, make([]byte, n)); err != nil {
				t.Fatal(err)
			}
			h, _ := peer.WantFrame()
			if zipped := h.RSV == frame.RSV1; zipped != (n == tt.zipped) {
				t.Errorf("%+v: %d bytes were sent compressed: %v", tt.z, n, zipped)
			}
		}
	}
}

// TestCompressionHandshake: what the two sides' configurations agree on, over a
// real handshake, and an echo with it.
func TestCompressionHandshake(t *testing.T) {
	off := Compression{}
	alone := Compression{Mode: CompressionNoTakeover}
	with := Compression{Mode: CompressionTakeover}
	nine := Compression{Mode: CompressionTakeover, ServerWindowBits: 9, ClientWindowBits: 10}
	demanding := Compression{Mode: CompressionNoTakeover, WindowPolicy: WindowDemand}
	strict := Compression{Mode: CompressionTakeover, WindowPolicy: WindowDecline}
	for _, tt := range []struct {
		server, client Compression
		want           handshake.Deflate
	}{
		{off, with, handshake.Deflate{}},
		{with, off, handshake.Deflate{}},
		{with, with, handshake.Deflate{ServerMaxWindowBits: 12, ClientMaxWindowBits: 12}},
		{alone, with, handshake.Deflate{ServerNoContextTakeover: true, ServerMaxWindowBits: 15, ClientMaxWindowBits: 12}},
		{with, alone, handshake.Deflate{ServerNoContextTakeover: true, ClientNoContextTakeover: true, ServerMaxWindowBits: 12, ClientMaxWindowBits: 12}},
		{alone, alone, handshake.Deflate{ServerNoContextTakeover: true, ClientNoContextTakeover: true, ServerMaxWindowBits: 15, ClientMaxWindowBits: 12}},
		{demanding, with, handshake.Deflate{ServerNoContextTakeover: true, ClientNoContextTakeover: true, ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}},
		{with, strict, handshake.Deflate{ServerMaxWindowBits: 12, ClientMaxWindowBits: 12}},
		{strict, alone, handshake.Deflate{ServerNoContextTakeover: true, ClientNoContextTakeover: true, ServerMaxWindowBits: 12, ClientMaxWindowBits: 12}},
		{nine, with, handshake.Deflate{ServerMaxWindowBits: 9, ClientMaxWindowBits: 10}},
		{with, nine, handshake.Deflate{ServerMaxWindowBits: 9, ClientMaxWindowBits: 10}},
	} {
		u := &Upgrader{Config: Config{Compression: tt.server}}
		srv := httptest.NewServer(u.Handler(&Events{Message: func(c *Conn, mt MessageType, p []byte) { _ = c.Append(mt, p) }}))
		d := &Dialer{Config: Config{Compression: tt.client}}
		c, _, err := d.Dial(within(t), "ws"+strings.TrimPrefix(srv.URL, "http"))
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Deflate(); got != tt.want {
			t.Errorf("server %+v, client %+v: got %+v, want %+v", tt.server, tt.client, got, tt.want)
		}
		r := rand.New(rand.NewPCG(3, 4))
		for range 20 {
			p := someText(r, r.IntN(5000))
			if err := c.Write(bg, Text, p); err != nil {
				t.Fatal(err)
			}
			if _, q, err := c.Read(within(t)); err != nil || !bytes.Equal(p, q) {
				t.Fatal(len(q), err)
			}
		}
		_ = c.Close(CloseNormal, "")
		srv.Close()
	}
	for want, z := range map[error]Compression{errMode: {Mode: 9}, errWindowPolicy: {Mode: CompressionTakeover, WindowPolicy: 9}} {
		d := &Dialer{Config: Config{Compression: z}}
		if _, _, err := d.Dial(bg, "ws://127.0.0.1:1"); !errors.Is(err, want) {
			t.Error(err)
		}
	}
}

// TestCompressedAllocs: no allocation per message in the steady state.
func TestCompressedAllocs(t *testing.T) {
	for _, d := range []handshake.Deflate{
		{ServerMaxWindowBits: 12, ClientMaxWindowBits: 12},
		{ServerMaxWindowBits: 15, ClientMaxWindowBits: 15, ServerNoContextTakeover: true, ClientNoContextTakeover: true},
	} {
		for _, size := range []int{100, 1000, 16 << 10} {
			a, b := tcpNets(t)
			s := New(a, frame.Server, Negotiated{Deflate: &d}, takeover)
			c := New(b, frame.Client, Negotiated{Deflate: &d}, takeover)
			go s.Serve(bg, &Events{Message: func(c *Conn, mt MessageType, p []byte) { check(c.Append(mt, p)) }})
			p := someText(rand.New(rand.NewPCG(5, 6)), size)
			var buf []byte
			wantAllocs(t, fmt.Sprintf("%d bytes", size), 0, func() {
				check(c.Write(bg, Text, p))
				var err error
				_, buf, err = c.ReadInto(bg, buf[:0])
				check(err)
			})
			check(c.Close(CloseNormal, ""))
		}
	}
}

// TestWithdrawnBesideAnother: a compressed Write that is withdrawn when it has
// given the turn on leaves the encoder alone, which is at work on the message of
// a MessageWriter by then.
func TestWithdrawnBesideAnother(t *testing.T) {
	text := pattern(2000)
	cfg := Config{Compression: Compression{Mode: CompressionNoTakeover}, FragmentSize: len(text) - 1}
	agreed := &handshake.Deflate{ServerNoContextTakeover: true, ClientNoContextTakeover: true}
	a, b := tcpNets(t)
	_, _ = a.SetWriteBuffer(8<<10), b.SetReadBuffer(8<<10)
	s := New(a, frame.Server, Negotiated{Deflate: agreed}, cfg)
	c := New(b, frame.Client, Negotiated{Deflate: agreed}, Config{})
	t.Cleanup(func() { _, _ = s.CloseNow(), c.CloseNow() })
	noise := pattern(100 << 10) // more than the sockets hold, and less than leaves at once
	check(s.Append(Binary|Uncompressed, noise))
	ctx, cancel := context.WithCancel(bg)
	withdrawn := make(chan error, 1)
	go func() { withdrawn <- s.Write(ctx, Text, text) }()
	for s.Buffered() <= len(noise)+frame.MaxHeaderSize { // until its frame is in the batch
		runtime.Gosched()
	}
	m, err := s.NextWriter(within(t), Text)
	check(err)
	_, err = m.Write(text)
	check(err)
	cancel()
	if err := <-withdrawn; err != context.Canceled {
		t.Fatal(err)
	}
	_, err = m.Write([]byte(" the end"))
	check(err)
	go m.Close()
	for _, want := range []string{string(noise), string(text) + " the end"} {
		if _, p, err := c.Read(within(t)); err != nil || string(p) != want {
			t.Fatalf("got %d bytes, %v, want %d", len(p), err, len(want))
		}
	}
}
