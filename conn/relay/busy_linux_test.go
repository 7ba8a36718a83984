package relay_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rfc6455/ws/conn/relay"
	"github.com/rfc6455/ws/handshake"
)

// busyEnv makes TestBusySessions a proxy. It holds the URL of the backend.
const busyEnv = "RELAY_TEST_BUSY"

// TestBusySessions: on one processor, sessions whose clients send without pause get their share
// each, and a request in between is answered, even if the proxy was idle before. The proxy is a
// process of its own: what the clients and the backend do would wake its scheduler's monitor.
func TestBusySessions(t *testing.T) {
	if backend := os.Getenv(busyEnv); backend != "" {
		if err := serveBusy(backend); err != nil {
			t.Fatal(err)
		}
		return
	}
	backend := &sink{more: make(chan bool, 1)}
	addr := startBusy(t, http1.serve(t, backend).URL)
	var clients [2]net.Conn
	for i := range clients {
		clients[i] = dialBusy(t, addr, i)
	}
	// The silence lets the monitor fall asleep, as it does in a server at night. The test passes
	// without that, too.
	_ = clients[0].SetReadDeadline(time.Now().Add(30 * time.Millisecond))
	if n, err := clients[0].Read(make([]byte, 1)); n != 0 || !os.IsTimeout(err) {
		t.Fatalf("the client has read %d bytes, %v, want a silence", n, err)
	}
	small := append([]byte{0x82, 0x80 | 16, 0, 0, 0, 0}, make([]byte, 16)...)
	many := bytes.Repeat(small, 10_000)
	for _, nc := range clients {
		go func() {
			for err := error(nil); err == nil; {
				_, err = nc.Write(many)
			}
		}()
	}
	// A session that does not give way has all bytes passed before others have anything.
	const share, most = 32 << 20, 512 << 20
	for i := range backend.came {
		for backend.came[i].Load() < share {
			<-backend.more
			if n := backend.came[1-i].Load(); n > most {
				t.Fatalf("session %d has passed %d bytes before session %d has passed %d", 1-i, n, i, share)
			}
		}
	}
	for range 10 {
		before := backend.both()
		answer := make(chan error, 1)
		go func() { answer <- request(addr) }()
		for answer != nil {
			select {
			case err := <-answer:
				if err != nil {
					t.Fatal(err)
				}
				answer = nil
			case <-backend.more:
				if n := backend.both() - before; n > most {
					t.Fatalf("the sessions have passed %d bytes, and a request is not answered yet", n)
				}
			}
		}
	}
}

// serveBusy is the proxy's process. It serves until its input ends.
func serveBusy(backend string) error {
	u, err := url.Parse(backend)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go http.Serve(ln, &relay.Proxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u) },
		Other:   http.NotFoundHandler(),
	})
	fmt.Println("address", ln.Addr())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// startBusy starts the proxy's process, on one processor, and returns its address.
func startBusy(t *testing.T, backend string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestBusySessions$")
	cmd.Env = append(os.Environ(), busyEnv+"="+backend, "GOMAXPROCS=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = in.Close()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(strings.TrimPrefix(line, "address "))
}

// dialBusy opens the session with this number.
func dialBusy(t *testing.T, addr string, number int) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	_, _ = fmt.Fprintf(nc, "GET /%d HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", number)
	resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("the proxy answers %v, %v, want 101", resp, err)
	}
	return nc
}

// request has one request answered, over a connection of its own.
func request(addr string) error {
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer nc.Close()
	_, _ = fmt.Fprint(nc, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err == nil && resp.StatusCode != http.StatusNotFound {
		err = fmt.Errorf("the status is %d, want 404", resp.StatusCode)
	}
	return err
}

// sink is a backend that counts the bytes of two sessions, /0 and /1.
type sink struct {
	came [2]atomic.Int64
	more chan bool // has a token if more has come
}

func (s *sink) both() int64 { return s.came[0].Load() + s.came[1].Load() }

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	nc, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer nc.Close()
	_, err = fmt.Fprintf(nc, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"+
		"Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		handshake.Accept(r.Header.Get("Sec-WebSocket-Key")))
	came := &s.came[0]
	if r.URL.Path == "/1" {
		came = &s.came[1]
	}
	for buf := make([]byte, 256<<10); err == nil; {
		var n int
		n, err = nc.Read(buf)
		came.Add(int64(n))
		select {
		case s.more <- true:
		default:
		}
	}
}
