package conn

import (
	"bytes"
	"math/rand/v2"
	"net"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// sendAndRead sends text from one connection to the other in each of the ways,
// and waits until all of it has been read.
func sendAndRead(from *Conn, messages [][]byte) {
	for i, p := range messages {
		switch i % 4 {
		case 0:
			check(from.Write(bg, Text, p))
		case 1:
			m, err := Prepare(Text, p)
			check(err)
			check(from.WritePrepared(bg, m))
		case 2: // in pieces
			m, err := from.NextWriter(bg, Text)
			check(err)
			_, err = m.Write(p)
			check(err)
			check(m.Close())
		case 3: // plain, and no part of any window
			check(from.Write(bg, Text|Uncompressed, p))
		}
	}
	_, err := from.Ping(bg)
	check(err)
}

// drain reads by NextReader until the connection ends.
func drain(c *Conn) {
	for {
		_, m, err := c.NextReader(bg)
		if err != nil {
			return
		}
		if m.Discard() != nil {
			return
		}
	}
}

// heapPerIdle is the heap that a connection holds that has sent and received
// messages and waits, in three tries, in ascending order. A try may find too much:
// it also makes what belongs to the process, the codec's tables and the descriptors
// of goroutines, which the runtime keeps for later ones. And it may find too little,
// where what an earlier test has left goes in the meantime.
func heapPerIdle(agreed *handshake.Deflate, cfg *Config, messages [][]byte) (tries [3]int) {
	for i := range tries {
		tries[i] = heapPerIdleOf(100, agreed, cfg, messages)
	}
	slices.Sort(tries[:])
	return tries
}

// heapPerIdleOf is one try of heapPerIdle, with n connections: the ends of
// pairs over TCP, the server's in Serve and the client's in NextReader.
func heapPerIdleOf(n int, agreed *handshake.Deflate, cfg *Config, messages [][]byte) int {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	defer ln.Close()
	pairs := make([][2]*Conn, n/2)
	var readers sync.WaitGroup
	before := heapNow()
	for i := range pairs {
		dialed, err := net.Dial("tcp", ln.Addr().String())
		check(err)
		accepted, err := ln.Accept()
		check(err)
		server := newConn(accepted, frame.Server, Negotiated{Deflate: agreed}, cfg)
		client := newConn(dialed, frame.Client, Negotiated{Deflate: agreed}, cfg)
		readers.Go(func() { _ = server.Serve(bg, &Events{}) })
		readers.Go(func() { drain(client) })
		pairs[i] = [2]*Conn{server, client}
	}
	for _, p := range pairs {
		sendAndRead(p[0], messages)
		sendAndRead(p[1], messages)
	}
	heap := (heapNow() - before) / n
	for _, p := range pairs {
		check(p[0].Close(CloseNormal, ""))
	}
	readers.Wait()
	return heap
}

// TestHeapPerIdleCompressedConn bounds what compression adds to a connection
// that waits: with takeover its two windows, one for each direction (RFC 7692
// section 7.1.1), and in any case no more than the parameters and the codec's
// state between messages. Nothing of a codec at work stays behind.
func TestHeapPerIdleCompressedConn(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector changes sizes")
	}
	onOneProcessor(t)
	const state = 512 // bytes beside the windows: 208 for the codec, and for what moves by chance
	one := &handshake.Deflate{ServerMaxWindowBits: 15, ClientMaxWindowBits: 15, ServerNoContextTakeover: true}
	none := &handshake.Deflate{ServerMaxWindowBits: 15, ClientMaxWindowBits: 15, ServerNoContextTakeover: true, ClientNoContextTakeover: true}
	tests := []struct {
		name    string
		agreed  *handshake.Deflate
		windows int // bytes, of both directions
	}{
		{"8 bits", deflated(8), 2 << 8},
		{"the default of 12 bits", deflated(12), 2 << 12},
		{"15 bits", deflated(15), 2 << 15},
		{"9 and 15 bits", &handshake.Deflate{ServerMaxWindowBits: 9, ClientMaxWindowBits: 15}, 1<<9 + 1<<15},
		{"takeover in one direction", one, 1 << 15},
		{"a client that can't be bound", &handshake.Deflate{ServerMaxWindowBits: 12, ClientMaxWindowBits: 15}, 1<<12 + 1<<15},
		{"a client that does without", &handshake.Deflate{ServerMaxWindowBits: 12, ClientMaxWindowBits: 15, ClientNoContextTakeover: true}, 1 << 12},
		{"no takeover", none, 0},
	}
	var messages [][]byte // more than a window holds, in each direction
	r := rand.New(rand.NewPCG(7, 692))
	for _, size := range []int{100, 100, 100, 100, 1000, 1000, 1000, 1000, 12_000, 12_000, 12_000, 12_000} {
		messages = append(messages, someText(r, size))
	}
	heapPerIdle(nil, &takeover, messages) // makes the goroutines' descriptors, which are never freed
	plain := heapPerIdle(nil, &takeover, messages)[1]
	t.Logf("plain: %d bytes", plain)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tries := heapPerIdle(tt.agreed, &takeover, messages)
			least, most := tries[0]-plain-tt.windows, tries[2]-plain-tt.windows
			t.Logf("%d to %d bytes more than plain and the windows", least, most)
			if least > state || most < -state-tt.windows/8 {
				t.Errorf("an idle connection holds %d to %d bytes besides %d of windows, want at most %d, and the windows full", least, most, tt.windows, state)
			}
		})
	}
}

// TestHeapOfWindows: a window that may have 32 KiB holds what has passed and no
// more, so that a peer that can't be bound and says little costs little.
func TestHeapOfWindows(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector changes sizes")
	}
	onOneProcessor(t)
	const state = 512 // as above
	ours := Config{Compression: Compression{Mode: CompressionTakeover, Threshold: -1}}
	r := rand.New(rand.NewPCG(8, 692))
	heapPerIdle(nil, &ours, [][]byte{someText(r, 100)})
	for _, tt := range []struct{ count, size int }{{1, 100}, {3, 100}, {10, 100}, {3, 1000}, {10, 1000}, {10, 5000}} {
		var messages [][]byte
		passed := 0
		for i := range tt.count {
			p := someText(r, tt.size)
			messages = append(messages, p)
			if i%4 != 3 { // sendAndRead sends that one plain
				passed += len(p)
			}
		}
		window := 256
		for window < passed {
			window *= 2
		}
		out, in := min(window, 1<<12), min(window, 1<<15) // what is sent keeps to the default
		// What other tests have left may be freed between the two measurements: a difference that is
		// there is there each time.
		least := state + 1
		for n := 0; n < 3 && least > state; n++ {
			plain := heapPerIdle(nil, &ours, messages)[1]
			tries := heapPerIdle(deflated(15), &ours, messages)
			t.Logf("%d messages of %d bytes: %d to %d bytes more than a plain connection", tt.count, tt.size, tries[0]-plain, tries[2]-plain)
			least = tries[0] - plain - out - in
		}
		if least > state {
			t.Errorf("after %d bytes of text %d bytes are held besides windows of %d and %d, want at most %d", passed, least, out, in, state)
		}
	}
}

// takeoverPair returns two connections over a pipe, with windows of 4 KiB.
func takeoverPair(t *testing.T, cfg, clientCfg Config) (server, client *Conn) {
	a, b := wstest.Pipe(64 << 10)
	server = New(a, frame.Server, Negotiated{Deflate: deflated(12)}, cfg)
	client = New(b, frame.Client, Negotiated{Deflate: deflated(12)}, clientCfg)
	t.Cleanup(func() { _, _ = server.CloseNow(), client.CloseNow() })
	return server, client
}

// windowsOf is how many bytes of memory the windows of c take.
func windowsOf(c *Conn) (n int) {
	for _, codec := range []any{&c.z.Encoder, &c.z.dec} {
		n += reflect.ValueOf(codec).Elem().FieldByName("history").FieldByName("buf").Cap()
	}
	return n
}

// TestFoldedWindows: the windows of a connection on which no message has passed for KeepAlive take
// less memory, from the next Ping or Pong on, whoever pings. They are what they were for the
// messages after that. While messages pass they stay as they are.
func TestFoldedWindows(t *testing.T) {
	if raceEnabled {
		t.Skip("the test looks at the windows of connections that are being read")
	}
	const whole = 2 * 4 << 10 // of both windows
	for name, tt := range map[string]struct {
		server, client time.Duration // KeepAlive
		clientFolds    bool
	}{
		"the server pings": {server: time.Minute},
		"the client pings": {server: 50 * time.Second, client: 30 * time.Second, clientFolds: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg, clientCfg := takeover, takeover
				cfg.KeepAlive, clientCfg.KeepAlive = tt.server, tt.client
				server, client := takeoverPair(t, cfg, clientCfg)
				var got []byte
				count := &Events{Message: func(_ *Conn, _ MessageType, p []byte) { got = append(got, p...) }}
				go server.Serve(bg, &Events{Message: func(c *Conn, _ MessageType, p []byte) { check(c.Append(Text, p)) }})
				go client.Serve(bg, count)
				r := rand.New(rand.NewPCG(9, 692))
				say := func() {
					got = nil
					var want []byte
					for range 12 {
						p := someText(r, 2000)
						check(client.Write(bg, Text, p))
						want = append(want, p...)
					}
					synctest.Wait()
					if !bytes.Equal(got, want) {
						t.Fatalf("%d bytes of messages came back, want %d, and the same", len(got), len(want))
					}
				}
				holds := func(when string, c *Conn, least, most int) {
					t.Helper()
					if n := windowsOf(c); n < least || n > most {
						t.Errorf("%s, %v: the windows take %d bytes, want %d to %d", when, c.box.Role(), n, least, most)
					}
				}
				for range 2 {
					say()
					wait(tt.server / 2)
					say()
					wait(tt.server / 2)
					synctest.Wait()
					holds("messages pass", server, whole, whole)
					holds("messages pass", client, whole, whole)
					wait(tt.server)
					synctest.Wait()
					holds("idle", server, 1, whole/2)
					if tt.clientFolds {
						holds("idle", client, 1, whole/2)
					} else {
						holds("idle, without KeepAlive", client, whole, whole)
					}
				}
			})
		})
	}
}

// TestFoldWithinMessage: a window that a message in pieces is using stays as it is, in both
// directions, also if Close has taken the message's turn away.
func TestFoldWithinMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := takeover
		cfg.KeepAlive, cfg.FragmentSize = time.Minute, 1000
		server, client := takeoverPair(t, cfg, cfg)
		var got []byte
		go client.Serve(bg, &Events{Message: func(_ *Conn, _ MessageType, p []byte) { got = append(got, p...) }})
		go server.Serve(bg, &Events{})
		var want []byte
		r := rand.New(rand.NewPCG(10, 692))
		for range 3 {
			m, err := server.NextWriter(bg, Text)
			check(err)
			for range 4 {
				p := someText(r, 3000)
				_, err := m.Write(p)
				check(err)
				want = append(want, p...)
				wait(5 * time.Minute) // the keepalives ask in both directions
			}
			check(m.Close())
			wait(5 * time.Minute)
			p := someText(r, 3000)
			check(server.Write(bg, Text, p))
			want = append(want, p...)
		}
		synctest.Wait()
		if !bytes.Equal(got, want) {
			t.Errorf("%d bytes of messages came, want %d, and the same", len(got), len(want))
		}
		m, err := server.NextWriter(bg, Text)
		check(err)
		_, err = m.Write(someText(r, 3000))
		check(err)
		go server.Close(CloseNormal, "")
		for range 100 {
			if _, err := m.Write(someText(r, 100)); err != nil {
				break
			}
			wait(10 * time.Millisecond)
		}
	})
}
