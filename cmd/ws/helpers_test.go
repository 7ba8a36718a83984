package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
)

// patience bounds what a test waits for. It is for busy machines.
const patience = time.Minute

// environment is that of the tests before TestMain.
var environment = os.Environ()

// TestMain keeps the proxies of the environment out of the tests, and a person's history.
func TestMain(m *testing.M) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		_ = os.Unsetenv(name)
	}
	dir, err := os.MkdirTemp("", "ws-test")
	if err != nil {
		panic(err)
	}
	_ = os.Setenv("XDG_CACHE_HOME", dir)
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// ran is what a command has done.
type ran struct {
	status      int
	out, errors string
}

// runWS runs the command with a standard input.
func runWS(t *testing.T, stdin string, args ...string) ran {
	t.Helper()
	return converse(t, stdin, "", args...)
}

// converse is runWS with a standard input that ends when answer is in the standard output. A test
// that has the command wait for silence would take a machine that stands still for a silent server.
func converse(t *testing.T, stdin, answer string, args ...string) ran {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var out, errors safeBuffer
	in := &patientReader{strings.NewReader(stdin), ctx, &out, answer}
	status := run(&app{ctx: ctx, stdin: in, stdout: &out, stderr: &errors}, args)
	if ctx.Err() != nil {
		t.Fatalf("ws %q did not end; it wrote %q and %q", args, out.String(), errors.String())
	}
	return ran{status, out.String(), errors.String()}
}

// patientReader ends when answer is in out, or when ctx ends.
type patientReader struct {
	io.Reader
	ctx    context.Context
	out    *safeBuffer
	answer string
}

func (r *patientReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for err == io.EOF && !strings.Contains(r.out.String(), r.answer) && r.ctx.Err() == nil {
		<-tick.C
	}
	return n, err
}

// want checks the status, and that texts are in what was written.
func (r ran) want(t *testing.T, status int, texts ...string) {
	t.Helper()
	if r.status != status {
		t.Errorf("exit status %d, want %d; it wrote %q and %q", r.status, status, r.out, r.errors)
	}
	for _, text := range texts {
		if !strings.Contains(r.out+r.errors, text) {
			t.Errorf("it wrote %q and %q, want %q", r.out, r.errors, text)
		}
	}
}

// safeBuffer is a bytes.Buffer for several goroutines.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// await waits until the text matches, and returns the first group.
func (b *safeBuffer) await(t *testing.T, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-tick.C {
		if m := re.FindStringSubmatch(b.String()); m != nil {
			return m[len(m)-1]
		}
	}
	t.Fatalf("%q does not come; it wrote %q", pattern, b.String())
	return ""
}

// running is a command that serves until the test ends.
type running struct {
	addr        string
	out, errors safeBuffer
	stop        func() int
}

// serve runs a command that listens, and returns when it does.
func serve(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := new(running)
	done := make(chan int, 1)
	go func() {
		done <- run(&app{ctx: ctx, stdin: strings.NewReader(""), stdout: &r.out, stderr: &r.errors}, args)
	}()
	var once sync.Once
	status := -1
	r.stop = func() int {
		once.Do(func() {
			cancel()
			select {
			case status = <-done:
			case <-time.After(patience):
				t.Errorf("ws %q does not end", args)
			}
		})
		return status
	}
	t.Cleanup(func() { r.stop() })
	r.addr = r.errors.await(t, `at (?:wss?://)?(127\.0\.0\.1:\d+)`)
	return r
}

// server is a WebSocket server of the test's own.
func server(t *testing.T, u ws.Upgrader, f func(c *ws.Conn, r *ws.Request)) (url string) {
	t.Helper()
	u.Origins = []string{ws.AnyOrigin}
	srv := httptest.NewServer(u.HandlerFunc(f))
	t.Cleanup(srv.Close)
	return "ws" + strings.TrimPrefix(srv.URL, "http")
}

// echoing echoes.
func echoing(c *ws.Conn, _ *ws.Request) { _ = c.Serve(context.Background(), echoEvents()) }

// secure is a server over TLS and HTTP/2 whose certificate nobody knows. ca is a file with it.
func secure(t *testing.T, h http.Handler, cfg *tls.Config) (url, ca string) {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.EnableHTTP2 = true
	srv.TLS = cfg
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	ca = filepath.Join(t.TempDir(), "ca.pem")
	writePEM(t, ca, "CERTIFICATE", srv.Certificate().Raw)
	return "wss" + strings.TrimPrefix(srv.URL, "https"), ca
}

func writePEM(t *testing.T, file, kind string, raw []byte) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := pem.Encode(f, &pem.Block{Type: kind, Bytes: raw}); err != nil {
		t.Fatal(err)
	}
}
