package redis

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/hub"
	"github.com/rfc6455/ws/conn/hub/internal/brokertest"
)

const patience = 60 * time.Second

// process is a redis-server that can be killed.
type process struct {
	t      testing.TB
	addr   string
	args   []string
	cmd    *exec.Cmd
	output bytes.Buffer
	ended  chan struct{} // closed when it has ended
}

// taken are the ports that freePort has returned.
var taken sync.Map

// freePort returns a port on which nobody listens just now. It is none that Linux gives to outgoing
// connections: one of those could take it while the server is dead that is to start again.
func freePort(t testing.TB) string {
	t.Helper()
	for range 1000 {
		port := fmt.Sprint(12000 + rand.IntN(20000))
		if _, known := taken.LoadOrStore(port, true); known {
			continue
		}
		if ln, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			_ = ln.Close()
			return port
		}
	}
	t.Fatal("there is no free port")
	return ""
}

// secondPort stands for a free port in startServer's arguments.
const secondPort = "SECOND PORT"

// startServer starts a server with more arguments.
func startServer(t testing.TB, more ...string) *process {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("needs redis-server: apt-get install redis-server")
	}
	dir := t.TempDir()
	var p *process
	for range 5 { // another program may be faster to take a port
		port, second := freePort(t), freePort(t)
		p = &process{t: t, addr: "127.0.0.1:" + port}
		p.args = append([]string{
			"--port", port, "--bind", "127.0.0.1", "--dir", dir, "--save", "",
			"--appendonly", "yes", "--appendfsync", "always", "--loglevel", "warning",
		}, more...)
		for i, arg := range p.args {
			if arg == secondPort {
				p.args[i] = second
			}
		}
		if p.try() {
			t.Cleanup(p.kill)
			return p
		}
	}
	t.Fatalf("the server ends again and again; it printed: %s", &p.output)
	return nil
}

// start starts a server again, after kill.
func (p *process) start() {
	p.t.Helper()
	if !p.try() {
		p.t.Errorf("the server has ended; it printed: %s", &p.output)
	}
}

// try starts the server and waits until it is ready. It reports false if the server has ended.
func (p *process) try() bool {
	p.t.Helper()
	p.cmd = exec.Command("redis-server", p.args...)
	p.output.Reset()
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	if err := p.cmd.Start(); err != nil {
		p.t.Error(err)
		return false
	}
	cmd, ended := p.cmd, make(chan struct{})
	p.ended = ended
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	client := redis.NewClient(&redis.Options{Addr: p.addr})
	defer client.Close()
	// Another program may have the port: what answers has to be this server.
	process := fmt.Sprintf("process_id:%d\r\n", cmd.Process.Pid)
	ready := func() bool {
		info, err := client.Info(context.Background(), "server").Result()
		return err == nil && strings.Contains(info, process) && client.Ping(context.Background()).Err() == nil
	}
	for over := time.Now().Add(patience); !ready(); {
		select {
		case <-ended:
			return false
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(over) {
			p.t.Error("the server does not get ready")
			p.kill()
			return false
		}
	}
	return true
}

// kill is kill -9.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// connect makes a broker for a node.
func connect(addr string, cfg Config) (*Broker, func(), error) {
	client := redis.NewClient(&redis.Options{Addr: addr, DialTimeout: 2 * time.Second, ReadTimeout: 2 * time.Second, WriteTimeout: 2 * time.Second})
	return over(client, cfg)
}

func over(client redis.UniversalClient, cfg Config) (*Broker, func(), error) {
	b, err := New(client, cfg)
	if err != nil {
		_ = client.Close()
		return nil, nil, err
	}
	return b, func() { b.Close(); _ = client.Close() }, nil
}

func mustConnect(t testing.TB, addr string, cfg Config) *Broker {
	t.Helper()
	b, stop, err := connect(addr, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return b
}

// TestContract: the broker does what hub.Broker asks for.
func TestContract(t *testing.T) {
	p := startServer(t)
	cfg := Config{Retention: hub.Retention{Messages: brokertest.Kept}}
	brokertest.Contract(t, mustConnect(t, p.addr, cfg), mustConnect(t, p.addr, cfg))
}

// TestWithoutHistory: at most once.
func TestWithoutHistory(t *testing.T) {
	brokertest.WithoutHistory(t, mustConnect(t, startServer(t).addr, Config{}), "a}b")
}

// lostAnswer is a connection that breaks when the server has answered a command for the first time.
type lostAnswer struct {
	net.Conn
	command string
	armed   *atomic.Bool
	cut     atomic.Bool
}

func (c *lostAnswer) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(c.command)) && c.armed.CompareAndSwap(true, false) {
		c.cut.Store(true)
	}
	return c.Conn.Write(p)
}

func (c *lostAnswer) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.cut.Load() && err == nil {
		_ = c.Conn.Close()
		return 0, io.EOF
	}
	return n, err
}

// TestAtMostOnce: without history, a message whose publisher has not got the answer is not published
// again.
func TestAtMostOnce(t *testing.T) {
	p := startServer(t)
	sink := listen(t, mustConnect(t, p.addr, Config{}), "room")
	var armed atomic.Bool
	armed.Store(true)
	b, stop, err := over(redis.NewClient(&redis.Options{Addr: p.addr, Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		return &lostAnswer{Conn: c, command: "spublish", armed: &armed}, err
	}}), Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if _, err := b.Publish(t.Context(), "room", ws.Text, []byte("1")); err == nil || armed.Load() {
		t.Errorf("Publish, whose answer was lost: %v; want an error", err)
	}
	if _, err := b.Publish(t.Context(), "room", ws.Text, []byte("2")); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"1", "2"} {
		if m := <-sink; string(m.Data) != want {
			t.Errorf("a subscriber got %q, want %q", m.Data, want)
		}
	}
}

// TestSilentServer: a node gives a connection up on which nothing comes, though nobody has closed it.
func TestSilentServer(t *testing.T) {
	t.Parallel() // it waits most of the time
	p := brokertest.NewProxy(t, startServer(t).addr)
	b := mustConnect(t, p.Addr, Config{Retention: hub.Retention{Messages: 10}})
	heard := listen(t, b, "room")
	p.Stall()
	s, _ := b.shard("room")
	until(t, "the failure is "+errSilent.Error(), func() bool { return errors.Is(s.failure(), errSilent) })
	p.Resume()
	heard.hears(t, b, "room", "the server speaks again")
}

// TestFallsBack: if the server has lost messages that it had delivered, a new epoch begins.
func TestFallsBack(t *testing.T) {
	b := mustConnect(t, startServer(t).addr, Config{Retention: hub.Retention{Messages: 10}})
	var at hub.Position
	for i := range 3 {
		var err error
		if at, err = b.Publish(t.Context(), "room", ws.Text, fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	lost := hub.Position{Epoch: at.Epoch, Offset: at.Offset + 5}
	h, err := b.History(t.Context(), "room", lost, 10)
	if err != nil || h.After.Epoch == at.Epoch {
		t.Fatalf("after %v, which is beyond the end %v: %v, %v; want another epoch", lost, at, h, err)
	}
	if again, err := b.History(t.Context(), "room", at, 10); err != nil || again.After.Epoch != h.After.Epoch || len(again.Messages) != 3 {
		t.Errorf("after that, the history is %v, %v; want the messages in epoch %s", again, err, h.After.Epoch)
	}
}

// TestPublishOnce: an attempt that is repeated adds no second message.
func TestPublishOnce(t *testing.T) {
	b := mustConnect(t, startServer(t).addr, Config{Retention: hub.Retention{Messages: 10}})
	publish := func(id string, again int) hub.Position {
		t.Helper()
		v, err := b.run(t.Context(), publishScript, b.keys("room", id), 10, 0, 0, "epoch", "\x01x", id, again, b.key("live", "room"))
		if err != nil {
			t.Fatal(err)
		}
		at, err := publishedAt(v)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	first := publish("a", 0)
	publish("b", 0)
	if again := publish("a", 1); again != first {
		t.Errorf("repeated, the message is at %v, want %v", again, first)
	}
	third := publish("c", 1)
	if third.Offset != 3 {
		t.Errorf("the third message, whose first attempt got lost, is at %v, want 3", third)
	}
	if late := publish("c", 0); late != third {
		t.Errorf("the first attempt, which comes after the second, is at %v, want %v", late, third)
	}
}

// TestSequence: every message arrives once and in order, while the server is killed and started
// again, nodes are killed, and connections to the server are cut and stalled.
func TestSequence(t *testing.T) {
	t.Parallel() // it waits most of the time
	p := startServer(t)
	proxies := []*brokertest.Proxy{brokertest.NewProxy(t, p.addr), brokertest.NewProxy(t, p.addr), brokertest.NewProxy(t, p.addr)}
	cfg := Config{Retention: hub.Retention{Messages: *brokertest.Messages + 10}}
	brokertest.Sequence(t, brokertest.Scenario{
		Start: func(node int) (hub.Broker, func(), error) { return connect(proxies[node].Addr, cfg) },
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

// BenchmarkPublishToReceive is the way of a message from one node to a client of another.
func BenchmarkPublishToReceive(b *testing.B) {
	for _, fsync := range []string{"always", "everysec"} {
		p := startServer(b, "--appendfsync", fsync)
		cfg := Config{Retention: hub.Retention{Messages: 1000}}
		b.Run("history, appendfsync "+fsync, func(b *testing.B) {
			brokertest.Latency(b, mustConnect(b, p.addr, cfg), mustConnect(b, p.addr, cfg))
		})
	}
	p := startServer(b)
	b.Run("without", func(b *testing.B) {
		brokertest.Latency(b, mustConnect(b, p.addr, Config{}), mustConnect(b, p.addr, Config{}))
	})
}
