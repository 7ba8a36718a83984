package conn

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/conn/internal/pool"
	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
)

// TestWithdrawnNotRemembered: a compressed message whose context ends before a
// byte of it is out, but after it became a part of the window, is sent all the
// same: those behind it refer to its text.
func TestWithdrawnNotRemembered(t *testing.T) {
	text := bytes.Repeat([]byte("text that the window remembers "), 20)
	for way, send := range map[string]func(context.Context, *Conn) error{
		"MessageWriter": func(ctx context.Context, c *Conn) error {
			m, err := c.NextWriter(ctx, Text)
			if err != nil {
				return err
			}
			_, _ = m.Write(text)
			return m.Close()
		},
		"Write": func(ctx context.Context, c *Conn) error { return c.Write(ctx, Text, text) },
	} {
		t.Run(way, func(t *testing.T) {
			cfg := takeover
			cfg.FragmentSize, cfg.Queue = len(text)-1, 16<<20
			a, b := tcpNets(t)
			_ = a.SetWriteBuffer(8 << 10)
			_ = b.SetReadBuffer(8 << 10)
			s := New(a, frame.Server, Negotiated{Deflate: deflated(15)}, cfg)
			c := New(b, frame.Client, Negotiated{Deflate: deflated(15)}, Config{MaxMessageSize: -1})
			t.Cleanup(func() { _ = s.CloseNow(); _ = c.CloseNow() })
			noise := make([]byte, 100<<10) // more than the sockets hold, ahead of the message, and less than leaves at once
			mathrand.NewChaCha8([32]byte{}).Read(noise)
			if err := s.Append(Binary|Uncompressed, noise); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(bg, 50*time.Millisecond)
			defer cancel()
			if err := send(ctx, s); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			wrote := make(chan error, 1)
			go func() { wrote <- s.Write(bg, Text, text) }()
			for _, want := range [][]byte{noise, text, text} {
				if _, p, err := c.Read(within(t)); err != nil || !bytes.Equal(p, want) {
					t.Fatalf("got %d bytes, %v, want %d bytes", len(p), err, len(want))
				}
			}
			if err := <-wrote; err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestContextEndsWithHandshake: a context that ends while the response leaves
// gives an error, and not a connection whose reads fail for ever.
func TestContextEndsWithHandshake(t *testing.T) {
	a, b := wstest.Pipe(1 << 10)
	ctx, cancel := context.WithCancel(bg)
	nc := &lateCancel{PipeConn: a, cancel: cancel, interrupted: make(chan bool, 10)}
	if _, err := b.Write([]byte(request("Host: localhost"))); err != nil {
		t.Fatal(err)
	}
	c, _, err := new(Upgrader).UpgradeNet(ctx, nc, nil)
	if err == nil {
		_, _, err = c.Read(bg)
		t.Fatalf("a connection that can't be read: %v", err)
	}
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// lateCancel cancels a context when the response has been written, and waits
// for what that causes.
type lateCancel struct {
	*wstest.PipeConn
	cancel      func()
	interrupted chan bool
}

func (l *lateCancel) Write(p []byte) (int, error) {
	n, err := l.PipeConn.Write(p)
	l.cancel()
	<-l.interrupted
	return n, err
}

func (l *lateCancel) SetDeadline(t time.Time) error {
	err := l.PipeConn.SetDeadline(t)
	if !t.IsZero() {
		l.interrupted <- true
	}
	return err
}

func (l *lateCancel) Close() error {
	l.interrupted <- true
	return l.PipeConn.Close()
}

// request is an opening handshake with these headers besides the necessary
// ones, Host among them.
func request(headers ...string) string {
	return "GET /chat HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + strings.Join(headers, "\r\n") + "\r\n\r\n"
}

// RaceEnabled is for the tests of package conn_test.
const RaceEnabled = raceEnabled

// TestCloseOutlivesServe: the closing handshake goes on where Close was called
// within a callback and Serve's context ends before the peer answers.
func TestCloseOutlivesServe(t *testing.T) {
	for _, role := range []frame.Role{frame.Server, frame.Client} {
		synctest.Test(t, func(t *testing.T) {
			c, peer := pipePeer(t, role, 1<<10, Config{})
			ctx, cancel := context.WithCancel(bg)
			peer.Text("close, please")
			err := c.Serve(ctx, &Events{Message: func(c *Conn, _ MessageType, _ []byte) {
				_ = c.Close(4000, "")
				cancel()
			}})
			if err != context.Canceled {
				t.Fatal(err)
			}
			peer.WantClose(4000)
			peer.Close(4000, "")
			_ = peer.NetConn().Close()
			<-c.Done()
			wantEnd(t, c.Err(), CloseError{Code: 4000})
		})
	}
}

// TestAdvisory has a test for each class of fault that WebSocket software was
// warned of, by the number of a warning. Floods and takeover have tests of
// their own: TestFloods, TestPongQueue, TestPoison, TestCompressionNeverDesyncs.
func TestAdvisory(t *testing.T) {
	inBothRoles(t, "CVE-2020-27813_GO-2026-4841_length_overflow", lengthOverflow)
	inBothRoles(t, "CVE-2022-35922_announced_length", announcedLength)
	inBothRoles(t, "CVE-2016-10542_default_limit", defaultLimit)
	inBothRoles(t, "CVE-2018-1000518_CVE-2026-1526_decompression_bomb", decompressionBomb)
	t.Run("CVE-2026-2229_deflate_parameters/server", deflateOffers)
	t.Run("CVE-2026-2229_deflate_parameters/client", deflateAnswers)
	t.Run("CVE-2024-37890_handshake_flood/server", handshakeFloods)
	t.Run("CVE-2024-37890_handshake_flood/client", answerFloods)
	t.Run("CVE-2024-37890_missing_headers/server", missingHeaders)
	t.Run("CVE-2024-37890_missing_headers/client", headersMissing)
	t.Run("CVE-2023-43669_byte_by_byte/server", byteByByte)
	t.Run("CVE-2023-43669_byte_by_byte/client", answerByteByByte)
	t.Run("slow_handshake/server", slowHandshake)
	t.Run("slow_handshake/client", slowAnswer)
	t.Run("GO-2026-6278_masking_keys/client", maskingKeys)
	t.Run("CVE-2025-10148_a_key_for_each_frame/client", keyForEachFrame)
	t.Run("CVE-2026-34403_CVE-2023-0957_origin/server", originMatrix)
	t.Run("CVE-2021-4236_check_comes_first/server", checkComesFirst)
	t.Run("CVE-2026-1527_header_injection/client", injectionByDialer)
	t.Run("CVE-2026-1527_header_injection/server", injectionByUpgrader)
	t.Run("CVE-2020-11050_CVE-2018-8034_TLS_names/client", tlsNames)
	t.Run("RFC7692-8_no_compression_unasked", noCompressionUnasked)
}

// lengthOverflow: no length makes a sum or a conversion overflow, on 32 bits
// neither.
func lengthOverflow(t *testing.T, role frame.Role) {
	for _, tt := range []struct {
		length    string
		data      error // of a data frame without a limit on messages; nil: its payload is awaited
		continued error // of a continuation after one byte
	}{
		{"8000000000000000", frame.ErrLengthOverflow, frame.ErrLengthOverflow},
		{"8000000000000001", frame.ErrLengthOverflow, frame.ErrLengthOverflow},
		{"ffffffffffffffff", frame.ErrLengthOverflow, frame.ErrLengthOverflow},
		{"7fffffffffffffff", nil, ErrMessageTooBig},
		{"7ffffffffffffffe", nil, nil},
		{"0000000100000000", nil, nil},
		{"0000000080000000", nil, nil},
		{"000000007fffffff", nil, nil},
	} {
		mask, key := byte(0), ""
		if role == frame.Server {
			mask, key = 0x80, "00000000"
		}
		long := fmt.Sprintf("%02x%s%s", mask|127, tt.length, key)
		start := fmt.Sprintf("02%02x%s61", mask|1, key)
		for _, x := range []struct {
			name, in         string
			limited, endless error
		}{
			{"data", "82" + long, or(tt.data, ErrMessageTooBig), or(tt.data, io.ErrUnexpectedEOF)},
			{"continuation", start + "80" + long, or(tt.continued, ErrMessageTooBig), or(tt.continued, io.ErrUnexpectedEOF)},
			{"control", "89" + long, frame.ErrControlTooLong, frame.ErrControlTooLong},
		} {
			for limit, want := range map[int64]error{0: x.limited, -1: x.endless} {
				for _, way := range []string{"Read", "NextReader", "Serve"} {
					c := fed(role, wstest.Hex(x.in), Config{MaxMessageSize: limit})
					if err := readAll(c, way); !errors.Is(err, want) {
						t.Errorf("%s of length %s by %s, limit %d: %v, want %v", x.name, tt.length, way, limit, err, want)
					}
					<-c.Done()
				}
			}
		}
	}
}

// or is the first error that is one.
func or(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// readAll reads a connection to its end.
func readAll(c *Conn, way string) (err error) {
	for !isEnd(err) {
		switch way {
		case "Read":
			_, _, err = c.Read(bg)
		case "NextReader":
			var m *MessageReader
			if _, m, err = c.NextReader(bg); err == nil {
				err = m.Discard()
			}
		case "Serve":
			err = c.Serve(bg, &Events{})
		}
	}
	return err
}

// announcedLength: a header that says 1 GiB allocates nothing for it, with
// some of the payload behind it neither.
func announcedLength(t *testing.T, role frame.Role) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	onOneProcessor(t)
	for _, way := range []string{"Read", "NextReader", "Serve"} {
		for _, payload := range []int{0, 60, 5000} {
			for _, rsv := range []uint8{0, frame.RSV1} {
				h := frame.Header{Opcode: frame.Binary, RSV: rsv, Fin: true, Masked: role == frame.Server, Length: 1 << 30}
				in := append(frame.Append(nil, h), make([]byte, payload)...)
				if rsv != 0 && payload > 0 {
					copy(in[h.Size():], "\x00\xff\xff\x00\x00") // a stored block of 64 KiB, announced as well
				}
				c := New(newFeed(in, nil), role, Negotiated{Deflate: deflated(15)}, Config{MaxMessageSize: -1})
				before := allocated()
				err := readAll(c, way)
				if n := allocated() - before; n > 64<<10 {
					t.Errorf("%s with %d bytes, RSV %d: %d bytes were allocated", way, payload, rsv, n)
				}
				wantEnd(t, err, CloseError{Code: CloseAbnormal, Err: io.ErrUnexpectedEOF})
				<-c.Done()
			}
		}
	}
}

// defaultLimit: the zero Config takes a message of 1 MiB and not a byte more,
// in one frame and in two, before the bytes come.
func defaultLimit(t *testing.T, role frame.Role) {
	for _, parts := range [][]int64{{1 << 20}, {1<<20 - 1, 1}, {1<<20 + 1}, {1 << 20, 1}} {
		var b []byte
		h := frame.Header{Opcode: frame.Binary, Masked: role == frame.Server}
		total := int64(0)
		for i, n := range parts {
			h.Length, h.Fin = n, i == len(parts)-1
			b = frame.Append(b, h)
			if total += n; total > 1<<20 {
				break // the header alone is too much
			}
			b = append(b, make([]byte, n)...)
			h.Opcode = frame.Continuation
		}
		c := fed(role, b, Config{})
		_, p, err := c.Read(bg)
		if total > 1<<20 {
			wantEnd(t, err, CloseError{Code: CloseAbnormal, Err: ErrMessageTooBig})
		} else if err != nil || int64(len(p)) != total {
			t.Errorf("%d: %d bytes, %v", parts, len(p), err)
		}
		_ = c.CloseNow()
		<-c.Done()
	}
}

// bombs are a message to refer to and, in the state behind it, messages that
// inflate to 1 MiB, to a byte more and to much more.
var bombs = sync.OnceValue(func() (wire [4][]byte) {
	huge := 64 << 20
	if raceEnabled {
		huge = 4 << 20
	}
	for i, n := range []int{0, bombLimit, bombLimit + 1, huge} {
		out := newDeflater()
		wire[0] = out.message([]byte("something to refer to"))
		if n > 0 {
			wire[i] = out.message(make([]byte, n))
		}
	}
	return wire
})

const bombLimit = 1 << 20

// decompressionBomb: a message may inflate to the limit and not to a byte more,
// in one frame and in many, after another one that it refers to, whichever way
// it is read.
func decompressionBomb(t *testing.T, role frame.Role) {
	wire := bombs()
	for _, size := range []int{8 << 20, 50} {
		for i, want := range []error{1: nil, 2: ErrMessageTooBig, 3: ErrMessageTooBig} {
			for way, read := range bombReaders {
				if i == 0 {
					continue
				}
				c, peer := zipPeer(t, role, 15, Config{MaxMessageSize: bombLimit})
				sendZipped(peer, role, frame.Binary, wire[0], size)
				if _, _, err := c.Read(bg); err != nil {
					t.Fatal(err)
				}
				sendZipped(peer, role, frame.Binary, wire[i], size)
				before := allocated()
				var n int
				var err error
				var reading sync.WaitGroup
				reading.Go(func() { n, err = read(c) })
				if want != nil {
					peer.WantClose(frame.MessageTooBig)
					_ = peer.NetConn().Close()
				}
				reading.Wait()
				if n := allocated() - before; n > 8*bombLimit {
					t.Errorf("bomb %d by %s: %d bytes were allocated", i, way, n)
				}
				if !errors.Is(err, want) || err == nil && n != bombLimit || n > bombLimit {
					t.Errorf("bomb %d in frames of %d by %s: %d bytes, %v", i, size, way, n, err)
				}
			}
		}
	}
}

// bombReaders read one message and return its length.
var bombReaders = map[string]func(c *Conn) (int, error){
	"Read": func(c *Conn) (int, error) {
		_, p, err := c.Read(bg)
		return len(p), err
	},
	"NextReader": func(c *Conn) (int, error) {
		_, m, err := c.NextReader(bg)
		if err != nil {
			return 0, err
		}
		n, err := io.Copy(io.Discard, m)
		return int(n), err
	},
	"Serve": func(c *Conn) (n int, err error) {
		ctx, cancel := context.WithCancel(bg)
		defer cancel()
		err = c.Serve(ctx, &Events{Message: func(_ *Conn, _ MessageType, p []byte) {
			n = len(p)
			cancel()
		}})
		if err == context.Canceled {
			err = nil
		}
		return n, err
	},
}

// maskingKeys come from crypto/rand, each from bytes of its own.
func maskingKeys(t *testing.T) {
	source := &recorder{r: rand.Reader}
	rand.Reader = source
	defer func() { rand.Reader = source.r }()
	const n = 100000
	seen := make(map[uint32]int, n)
	var last []byte
	for range n {
		key := pool.MaskingKey()
		seen[key]++
		last = binary.LittleEndian.AppendUint32(last[:0], key)
	}
	// Of so many random numbers of 32 bits one or two are equal to another.
	if n-len(seen) > 12 {
		t.Errorf("%d of %d keys were used before", n-len(seen), n)
	}
	if len(source.got) < 4*n*9/10 || !bytes.Contains(source.got, last) {
		t.Errorf("%d bytes of crypto/rand made %d keys", len(source.got), n)
	}
}

// keyForEachFrame: no two frames that a client sends have the same key, whatever
// sends them.
func keyForEachFrame(t *testing.T) {
	seen := map[uint32]int{}
	total := 0
	for range 3 {
		c, peer := pipePeer(t, frame.Client, 1<<20, Config{FragmentSize: 100})
		for i := range 300 {
			if err := sendOneWay(c, i%7, pattern(250)); err != nil {
				t.Fatal(err)
			}
			_, _ = c.Ping(cancelled())
		}
		go c.Close(CloseNormal, "")
		for {
			h, _ := peer.WantFrame()
			seen[h.Key]++
			if total++; h.Opcode == frame.Close {
				break
			}
		}
	}
	// Two equal ones among so few come about once in a thousand runs.
	if total < 1500 || len(seen) < total-1 {
		t.Errorf("%d keys for %d frames", len(seen), total)
	}
}

// recorder keeps what was read.
type recorder struct {
	r   io.Reader
	got []byte
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.got = append(r.got, p[:n]...)
	return n, err
}
