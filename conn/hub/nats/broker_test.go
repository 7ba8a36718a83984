package nats

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/hub"
	"github.com/rfc6455/ws/conn/hub/internal/brokertest"
)

// TestMain runs a NATS server if a test has started this program for that.
func TestMain(m *testing.M) {
	if port := os.Getenv("HUB_NATS_PORT"); port != "" {
		serve(port, os.Getenv("HUB_NATS_DIR"))
		return
	}
	os.Exit(m.Run())
}

const patience = 60 * time.Second

func options(port int, dir string) *server.Options {
	return &server.Options{Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: dir, NoSigs: true, NoLog: true}
}

// serve is the process of a server. It ends by a signal, or with the test that reads its output.
func serve(port, dir string) {
	n, err := strconv.Atoi(port)
	if err == nil {
		var s *server.Server
		if s, err = server.NewServer(options(n, dir)); err == nil {
			s.Start()
			if !s.ReadyForConnections(patience) {
				err = errors.New("the server does not get ready")
			} else {
				n = s.Addr().(*net.TCPAddr).Port
			}
		}
	}
	fmt.Println("port", n, err)
	_, _ = os.Stdin.Read(make([]byte, 1)) // until the test ends
}

// embedded runs a server in this process.
func embedded(t testing.TB) (url string) {
	t.Helper()
	s, err := server.NewServer(options(server.RANDOM_PORT, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(patience) {
		t.Fatal("the server does not get ready")
	}
	return s.ClientURL()
}

// connect makes a broker for a node.
func connect(url string, cfg Config) (*Broker, func(), error) {
	nc, err := nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond), nats.RetryOnFailedConnect(true),
		nats.PingInterval(2*time.Second), nats.MaxPingsOutstanding(2), nats.Timeout(5*time.Second))
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	b, err := New(ctx, nc, cfg)
	if err != nil {
		nc.Close()
		return nil, nil, err
	}
	return b, func() { b.Close(); nc.Close() }, nil
}

func mustConnect(t testing.TB, url string, cfg Config) *Broker {
	t.Helper()
	b, stop, err := connect(url, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return b
}

// TestContract: the broker does what hub.Broker asks for.
func TestContract(t *testing.T) {
	url := embedded(t)
	cfg := Config{Retention: hub.Retention{Messages: brokertest.Kept}}
	brokertest.Contract(t, mustConnect(t, url, cfg), mustConnect(t, url, cfg))
}

// TestWithoutHistory: at most once, and without a stream.
func TestWithoutHistory(t *testing.T) {
	brokertest.WithoutHistory(t, mustConnect(t, embedded(t), Config{}), "a.*")
}

// TestStreamLost: if the stream is deleted and made anew, positions of the old one are lost.
func TestStreamLost(t *testing.T) {
	url := embedded(t)
	cfg := Config{Retention: hub.Retention{Messages: 10}}
	b := mustConnect(t, url, cfg)
	var at hub.Position
	for range 3 {
		var err error
		if at, err = b.Publish(t.Context(), "room", ws.Text, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.js.DeleteStream(t.Context(), "hub"); err != nil {
		t.Fatal(err)
	}
	other := mustConnect(t, url, cfg)
	for _, b := range []*Broker{other, b} {
		h, err := b.History(t.Context(), "room", at, 10)
		if err != nil || h.After.Epoch == at.Epoch || h.After.Epoch == "" {
			t.Errorf("after %v of a stream that is gone: %v, %v; want another epoch", at, h, err)
		}
	}
	// The stream's numbers fall back, as they would if a server had lost its disk.
	h, err := b.History(t.Context(), "room", hub.Position{Epoch: b.currentEpoch(), Offset: 1000}, 10)
	if err != nil || h.After.Epoch == b.currentEpoch() && h.After.Offset >= 1000 {
		t.Errorf("after a position that the stream has lost: %v, %v", h, err)
	}
	if again, err := other.History(t.Context(), "room", hub.Position{}, 1); err != nil || again.After.Epoch != h.After.Epoch {
		t.Errorf("another node is in epoch %q, %v; want %q", again.After.Epoch, err, h.After.Epoch)
	}
}

// TestEscape: different topics have different subjects, of one token.
func TestEscape(t *testing.T) {
	for topic, want := range map[string]string{"room-7_A": "room-7_A", "room/7": "room=2F7", "a.b": "a=2Eb", "*>": "=2A=3E", "=2E": "=3D2E", "é": "=C3=A9", "\n ": "=0A=20"} {
		if got := escape(topic); got != want {
			t.Errorf("escape(%q) = %q, want %q", topic, got, want)
		}
	}
}

func FuzzEscape(f *testing.F) {
	f.Add("a.b", "a=2Eb")
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := escape(a), escape(b)
		if (a == b) != (x == y) {
			t.Errorf("%q and %q become %q and %q", a, b, x, y)
		}
		if strings.ContainsAny(x, ".*> \r\n\t\x00") {
			t.Errorf("%q becomes %q, which is not one token", a, x)
		}
	})
}

// process is a server that can be killed.
type process struct {
	t    *testing.T
	port int // after the first start a free one
	dir  string
	cmd  *exec.Cmd
}

func startProcess(t *testing.T) *process {
	t.Helper()
	p := &process{t: t, port: server.RANDOM_PORT, dir: t.TempDir()}
	p.start()
	t.Cleanup(p.kill)
	return p
}

func (p *process) addr() string { return fmt.Sprint("127.0.0.1:", p.port) }

func (p *process) start() {
	p.t.Helper()
	p.cmd = exec.Command(os.Args[0])
	p.cmd.Env = append(os.Environ(), fmt.Sprint("HUB_NATS_PORT=", p.port), "HUB_NATS_DIR="+p.dir)
	if _, err := p.cmd.StdinPipe(); err != nil { // closed at this process's end, which ends the server
		p.t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	var result string
	if n, _ := fmt.Sscanf(line, "port %d %s", &p.port, &result); n != 2 || result != "<nil>" {
		p.t.Errorf("the server says %q, %v, want its port", line, err)
	}
}

// kill is kill -9.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// TestSequence: every message arrives once and in order, while the server is killed and started
// again, nodes are killed, and connections to the server are cut and stalled.
func TestSequence(t *testing.T) {
	p := startProcess(t)
	proxies := []*brokertest.Proxy{brokertest.NewProxy(t, p.addr()), brokertest.NewProxy(t, p.addr()), brokertest.NewProxy(t, p.addr())}
	cfg := Config{Retention: hub.Retention{Messages: *brokertest.Messages + 10}}
	brokertest.Sequence(t, brokertest.Scenario{
		Start: func(node int) (hub.Broker, func(), error) {
			return connect("nats://"+proxies[node].Addr, cfg)
		},
		Faults: []func(){
			proxies[0].Reset,
			func() { p.kill(); p.start() },
			func() { proxies[0].Stall(); time.Sleep(3 * time.Second); proxies[0].Resume() },
			func() { proxies[1].Stall(); time.Sleep(time.Second); proxies[1].Resume() },
			func() { proxies[2].Stall(); time.Sleep(6 * time.Second); proxies[2].Reset(); proxies[2].Resume() },
			func() { p.kill(); time.Sleep(300 * time.Millisecond); p.start() },
		},
	})
}

// silent is a sink that takes no notice.
type silent struct{}

func (silent) Deliver(hub.Message) {}
func (silent) Interrupted()        {}

// TestAsksAgain: if the connection is lost while an answer is due, the question is asked again as
// soon as there is another one. It does not wait until the time for the answer is over.
func TestAsksAgain(t *testing.T) {
	p := brokertest.NewProxy(t, strings.TrimPrefix(embedded(t), "nats://"))
	b := mustConnect(t, "nats://"+p.Addr, Config{Retention: hub.Retention{Messages: 10}})
	var at hub.Position
	for _, question := range []struct {
		name    string
		longest time.Duration // that one attempt lasts
		ask     func(context.Context) error
	}{
		{"Publish", attemptTimeout, func(ctx context.Context) (err error) {
			at, err = b.Publish(ctx, "room", ws.Text, []byte("x"))
			return err
		}},
		{"History", readTimeout, func(ctx context.Context) error {
			h, err := b.History(ctx, "room", hub.Position{}, 10)
			if err == nil && h.Head() != at {
				t.Errorf("the history ends at %v, want %v", h.Head(), at)
			}
			return err
		}},
		{"Subscribe", readTimeout, func(ctx context.Context) error {
			_, err := b.Subscribe(ctx, "room", silent{})
			return err
		}},
	} {
		p.Stall()
		sent := func() uint64 { return b.nc.Stats().OutMsgs + uint64(b.nc.NumSubscriptions()) }
		before := sent()
		ctx, cancel := context.WithTimeout(t.Context(), question.longest*9/10)
		done := make(chan error, 1)
		go func() { done <- question.ask(ctx) }()
		for sent() == before && ctx.Err() == nil {
			time.Sleep(time.Millisecond) // the client tells nobody that it has sent something
		}
		p.Reset()
		p.Resume()
		if err := <-done; err != nil {
			t.Errorf("%s, whose connection was lost: %v", question.name, err)
		}
		cancel()
	}
}

// TestPresenceAfterRestart: presence is kept in the server's memory. After a restart, nodes announce it
// again.
func TestPresenceAfterRestart(t *testing.T) {
	p := startProcess(t)
	b := mustConnect(t, "nats://"+p.addr(), Config{})
	for _, when := range []string{"before", "after"} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		want := hub.Member{ID: "ada " + when, Node: "n", Connections: 1}
		for _, ask := range []func() error{
			func() error { _, err := b.Members(ctx, "room"); return err },
			func() error { return b.Announce(ctx, "room", "n", []hub.Member{want}) },
		} {
			if err := ask(); err != nil {
				t.Fatalf("%s the restart: %v", when, err)
			}
		}
		if got, err := b.Members(ctx, "room"); err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%s the restart: %v, %v; want %v", when, got, err, want)
		}
		if when == "before" {
			p.kill()
			p.start()
		}
	}
}

// BenchmarkPublishToReceive is the way of a message from one node to a client of another.
func BenchmarkPublishToReceive(b *testing.B) {
	url := embedded(b)
	for name, cfg := range map[string]Config{"history": {Retention: hub.Retention{Messages: 1000}}, "without": {Name: "plain"}} {
		b.Run(name, func(b *testing.B) { brokertest.Latency(b, mustConnect(b, url, cfg), mustConnect(b, url, cfg)) })
	}
}
