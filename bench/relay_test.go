//go:build unix

package bench

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/relay"
)

// relayEnv makes the test binary a proxy: its value says which one, and where the backend is.
const relayEnv = "WS_BENCH_RELAY"

// TestMain runs the benchmarks, or the proxy of BenchmarkRelay.
func TestMain(m *testing.M) {
	if kind, backend, ok := strings.Cut(os.Getenv(relayEnv), " "); ok {
		if err := runProxy(kind, backend); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// bareProxy is the proxy "syscalls", which is a bound for all. It is nil where there is none.
var bareProxy func(ln net.Listener, backend string) error

// runProxy serves until its standard input ends. It writes its address, and answers each line of its
// input with the CPU time that it has used, in nanoseconds.
func runProxy(kind, backend string) error {
	u, err := url.Parse(backend)
	if err != nil {
		return err
	}
	rewrite := func(r *httputil.ProxyRequest) { r.SetURL(u) }
	proxies := map[string]http.Handler{
		"relay":        &relay.Proxy{Rewrite: rewrite},
		"messages":     &relay.Proxy{Rewrite: rewrite, Messages: new(relay.Messages)},
		"reverseproxy": &httputil.ReverseProxy{Rewrite: rewrite},
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if kind == "syscalls" {
		go bareProxy(ln, u.Host)
	} else {
		go http.Serve(ln, proxies[kind])
	}
	fmt.Println(ln.Addr())
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			return err
		}
		fmt.Println(u.Utime.Nano() + u.Stime.Nano())
	}
	return in.Err()
}

// proxyProcess is a proxy in a process of its own.
type proxyProcess struct {
	addr  string
	in    io.Writer
	out   *bufio.Scanner
	conns []*ws.Conn // of clients, through the proxy
}

func startProxy(b *testing.B, kind, backend string) *proxyProcess {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), relayEnv+"="+kind+" "+backend)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(b, err)
	out, err := cmd.StdoutPipe()
	must(b, err)
	must(b, cmd.Start())
	b.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	p := &proxyProcess{in: in, out: bufio.NewScanner(out)}
	p.addr = p.line(b)
	return p
}

func (p *proxyProcess) line(b *testing.B) string {
	if !p.out.Scan() {
		b.Fatalf("the proxy has ended: %v", p.out.Err())
	}
	return p.out.Text()
}

// cpu returns the CPU time that the proxy has used, in nanoseconds.
func (p *proxyProcess) cpu(b *testing.B) int64 {
	_, err := fmt.Fprintln(p.in)
	must(b, err)
	n, err := strconv.ParseInt(p.line(b), 10, 64)
	must(b, err)
	return n
}

// relayed is the number of connections that are relayed at once.
const relayed = 32

// relayRound is how many messages and echoes a proxy passes until it is another one's turn. If they
// are longer than 4 KiB it is fewer, so that the bytes are the same.
const relayRound = 5000

// BenchmarkRelay measures the CPU time that a proxy uses for a message and its echo: package relay,
// frames as they are and message by message, beside net/http/httputil's ReverseProxy and the system
// calls that pass the bytes, alone. Each proxy is a process of its own, and what it uses is all that
// is counted: not the client's share, nor the backend's. They take turns, in short rounds, and a
// ratio is that of two rounds next to each other: so whatever else runs on the machine is the same
// for all. The results are the medians. An operation is relayRound messages, and their echoes,
// through each of the proxies.
func BenchmarkRelay(b *testing.B) {
	u := ws.Upgrader{Config: ws.Config{MaxMessageSize: 2 << 20}}
	ln := listen(b)
	go http.Serve(ln, u.Handler(&ws.Events{
		Message: func(c *ws.Conn, t ws.MessageType, p []byte) { _ = c.Append(t, p) },
	}))
	kinds := []string{"reverseproxy", "relay", "messages"}
	if bareProxy != nil {
		kinds = append(kinds, "syscalls")
	}
	for _, size := range []int{128, 1 << 10, 16 << 10, 64 << 10, 1 << 20} {
		b.Run(sizeName(size), func(b *testing.B) {
			payload := payload(ws.Binary, size)
			n := max(relayed, relayRound*4096/max(size, 4096))
			var proxies []*proxyProcess
			for _, kind := range kinds {
				p := startProxy(b, kind, "http://"+ln.Addr().String())
				p.dial(b)
				exchange(b, p.conns, payload, n)
				proxies = append(proxies, p)
			}
			cpu, ratio := make([][]float64, len(kinds)), make([][]float64, len(kinds))
			for b.Loop() {
				for i, p := range proxies {
					began := p.cpu(b)
					exchange(b, p.conns, payload, n)
					used := float64(p.cpu(b)-began) / float64(n)
					cpu[i] = append(cpu[i], used)
					ratio[i] = append(ratio[i], used/cpu[0][len(cpu[0])-1])
				}
			}
			for i, kind := range kinds {
				b.ReportMetric(median(cpu[i]), kind+"-cpu-ns")
				if i > 0 {
					b.ReportMetric(median(ratio[i]), kind+"/"+kinds[0])
				}
			}
		})
	}
}

// dial opens the connections of a proxy.
func (p *proxyProcess) dial(b *testing.B) {
	d := ws.Dialer{Config: ws.Config{MaxMessageSize: 2 << 20}, Proxy: ws.NoProxy}
	for range relayed {
		c, _, err := d.Dial(bg, "ws://"+p.addr)
		must(b, err)
		b.Cleanup(func() { _ = c.CloseNow() })
		p.conns = append(p.conns, c)
	}
}

// median returns the median of figures, which it sorts.
func median(figures []float64) float64 {
	slices.Sort(figures)
	return figures[len(figures)/2]
}
