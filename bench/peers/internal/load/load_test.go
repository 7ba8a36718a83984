//go:build linux

package load

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/rfc6455/ws/bench/peers/internal/servers"
	"github.com/rfc6455/ws/handshake"
)

// start serves s on a free port until the test ends.
func start(t *testing.T, s *servers.Server, setting servers.Setting, secure bool) (addr string) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	addr = ln.Addr().String()
	if secure {
		if ln, err = servers.Secure(ln); err != nil {
			t.Fatal(err)
		}
	}
	go func() { _ = s.Serve(ln, setting) }() // ends with the listener
	return addr
}

// TestServers runs every kind of load on every server that can do it. Open compares the answers
// byte for byte.
func TestServers(t *testing.T) {
	specs := map[string]Spec{
		"small":     {Kind: Echo, Size: 128, Conns: 3, Flight: 1},
		"empty":     {Kind: Echo, Size: 0, Conns: 1, Flight: 1},
		"large":     {Kind: Echo, Size: 1 << 20, Conns: 2, Flight: 1},
		"text":      {Kind: Echo, Size: 16 << 10, Conns: 2, Flight: 1, Text: true},
		"burst":     {Kind: Echo, Size: 1000, Conns: 2, Flight: 16, Burst: true},
		"spread":    {Kind: Echo, Size: 200, Conns: 2, Flight: 16},
		"broadcast": {Kind: Broadcast, Size: 512, Conns: 10, Flight: 1},
		"handshake": {Kind: Handshake},
		"idle":      {Kind: Idle, Size: 128, Conns: 5, Flight: 1},
		"multibyte": {Kind: Echo, Size: 16 << 10, Conns: 2, Flight: 1, Text: true, Multibyte: true},
		"secure":    {Kind: Idle, Size: 128, Conns: 60, Flight: 1, TLS: true},
		"secured":   {Kind: Echo, Size: 16 << 10, Conns: 3, Flight: 1, TLS: true},
		"deep":      {Kind: Idle, Size: 128, Conns: 5, Flight: 1, Deep: true},
		"alone": {
			Kind: Echo, Size: 3000, Conns: 2, Flight: 1, Text: true,
			Compression: servers.NoTakeover,
		},
		"takeover": {
			Kind: Echo, Size: 16 << 10, Conns: 2, Flight: 1, Text: true,
			Compression: servers.Takeover,
		},
	}
	for _, s := range servers.All {
		if s.Serve == nil {
			t.Logf("%s is left out without -tags %s", s.Name, s.Tag)
			continue
		}
		for name, spec := range specs {
			setting := servers.Setting{
				Work: spec.Work(), Compression: spec.Compression, Conns: spec.Conns, Deep: spec.Deep,
				TLS: spec.TLS,
			}
			if !s.Can(setting) {
				continue
			}
			if s.Name == "nbio" && name == "empty" {
				continue // its handler is for messages with a payload
			}
			t.Run(s.Name+"/"+name, func(t *testing.T) {
				spec.Addr = start(t, s, setting, spec.TLS)
				run(t, &spec)
			})
		}
	}
}

// TestClients runs the load generator as the server of the programs that dial.
func TestClients(t *testing.T) {
	for _, s := range servers.All {
		if s.Dial == nil {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			spec := Spec{Kind: Echo, Size: 200 << 10, Conns: 3, Flight: 1, Dialed: true}
			addr, err := spec.Listen()
			if err != nil {
				t.Fatal(err)
			}
			failed := make(chan error, 3)
			for range 3 {
				go func() { failed <- s.Dial("ws://" + addr + "/") }()
			}
			run(t, &spec)
			for range 3 {
				if err := <-failed; err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// run opens a run, times it and checks the result.
func run(t *testing.T, spec *Spec) {
	r, err := Open(spec)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	const most = 40
	got, err := r.Time(time.Minute, most)
	switch {
	case err != nil:
		t.Fatal(err)
	case spec.Kind == Idle:
		if got.Messages != 0 {
			t.Errorf("an idle run timed %d messages", got.Messages)
		}
		return
	case got.Messages < most || got.Messages > 4*most:
		t.Errorf("%d messages, want about %d", got.Messages, most)
	}
	if got.P50 <= 0 || got.P99 < got.P50 || got.P99 > 2*got.Elapsed {
		t.Errorf("latencies %v and %v in %v", got.P50, got.P99, got.Elapsed)
	}
	wire := float64(got.WireIn) / float64(got.Text)
	if spec.Compression != servers.Off && (wire <= 0 || wire > 0.7) {
		t.Errorf("answers are %.2f of the text: not compressed", wire)
	}
}

// liar serves one connection. It answers the handshake, and the first message with answer.
func liar(t *testing.T, answer string) (addr string) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		buf := make([]byte, 4096)
		_, _ = c.Read(buf)
		_, _ = c.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: " +
			handshake.Accept(nonce) + "\r\n\r\n"))
		_, _ = c.Read(buf)
		_, _ = c.Write([]byte(answer))
	}()
	return ln.Addr().String()
}

// TestWrongAnswers checks that an answer which is not the message that was sent ends the run before
// anything is timed.
func TestWrongAnswers(t *testing.T) {
	for answer, want := range map[string]string{
		"\x82\x02no":         "not what was sent",
		"\x82\x03abc":        "not what was sent",
		"\x8a\x00":           "unexpected frame",
		"\x80\x02no":         "unexpected frame",
		"\x82\x82\x01\x02no": "unexpected frame",
		"":                   "closed a connection",
	} {
		spec := Spec{Kind: Echo, Size: 2, Conns: 1, Flight: 1, Addr: liar(t, answer)}
		_, err := Open(&spec)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("answer %q: error %v, want one that says %q", answer, err, want)
		}
	}
}

// TestAnswersHoweverSplit checks that messages are found wherever reads end.
func TestAnswersHoweverSplit(t *testing.T) {
	stream := "\x82\x03abc" + "\x82\x00" + "\x02\x01d\x00\x00\x80\x02ef" +
		"\x82\x7e\x00\x80" + strings.Repeat("x", 128)
	want := []string{"abc", "", "def", strings.Repeat("x", 128)}
	for step := 1; step <= len(stream); step++ {
		var a answers
		var got []string
		var message []byte
		for rest := stream; rest != ""; {
			piece := []byte(rest[:min(step, len(rest))])
			rest = rest[len(piece):]
			for len(piece) > 0 {
				n, done, err := a.feed(piece, func(p []byte) { message = append(message, p...) })
				if err != nil {
					t.Fatal(err)
				}
				piece = piece[n:]
				if done {
					got, message = append(got, string(message)), nil
				}
			}
		}
		if strings.Join(got, "|") != strings.Join(want, "|") {
			t.Fatalf("in pieces of %d: %q", step, got)
		}
	}
}

func TestHistogram(t *testing.T) {
	var h histogram
	for i := range 1000 {
		h.add(int64(i+1) * 1000)
	}
	for q, want := range map[float64]time.Duration{
		0.5: 500 * time.Microsecond, 0.99: 990 * time.Microsecond, 0: time.Microsecond,
	} {
		if got := h.quantile(q); got < want*7/8 || got > want*9/8 {
			t.Errorf("quantile %v: %v, want %v within an eighth", q, got, want)
		}
	}
	h = histogram{}
	h.add(-5)
	h.add(1 << 62)
	if h.quantile(0) > 10 || h.quantile(0.9) < 1<<61 {
		t.Errorf("extremes: %v and %v", h.quantile(0), h.quantile(0.9))
	}
}
