//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package conn

import (
	"bufio"
	"bytes"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// openSSL is a client that can do what crypto/tls has no call for: openssl s_client. It obeys a
// letter at the beginning of what it reads, and says what it does.
type openSSL struct {
	in       io.Writer
	out, log *bufio.Reader
}

// startOpenSSL connects to a URL, upgrades, and skips the test if there is no openssl.
func startOpenSSL(t *testing.T, url, version string) *openSSL {
	t.Helper()
	const exe = "openssl"
	is, err := exec.Command(exe, "version").Output()
	if err != nil || !strings.HasPrefix(string(is), "OpenSSL ") { // LibreSSL has other commands
		t.Skipf("there is no OpenSSL: %s %v", is, err)
	}
	addr := strings.TrimPrefix(url, "wss://")
	cmd := exec.CommandContext(within(t), exe, "s_client", "-"+version, "-connect", addr)
	in, err := cmd.StdinPipe()
	check(err)
	out, err := cmd.StdoutPipe()
	check(err)
	log, err := cmd.StderrPipe()
	check(err)
	check(cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	s := &openSSL{in: in, out: bufio.NewReader(out), log: bufio.NewReader(log)}
	_, err = io.WriteString(in, "GET / HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\n"+
		"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	check(err)
	s.await(t, s.out, "HTTP/1.1 101 ")
	s.await(t, s.out, "\r\n\r\n")
	return s
}

// await reads from r until want has come.
func (s *openSSL) await(t *testing.T, r *bufio.Reader, want string) {
	t.Helper()
	var got []byte
	for !bytes.HasSuffix(got, []byte(want)) {
		b, err := r.ReadByte()
		if err != nil {
			t.Fatalf("openssl wrote %q, then %v; want %q", got, err, want)
		}
		got = append(got, b)
	}
}

// do gives a command to openssl, and waits until it says that it obeys.
func (s *openSSL) do(t *testing.T, command, says string) {
	t.Helper()
	_, err := io.WriteString(s.in, command+"\n")
	check(err)
	s.await(t, s.log, says)
}

// echo sends a message and waits for the answer.
func (s *openSSL) echo(t *testing.T) {
	t.Helper()
	_, err := io.WriteString(s.in, "\x82\x85\x00\x00\x00\x00hello") // the mask changes nothing
	check(err)
	s.await(t, s.out, "\x82\x05hello")
}

// TestLoopKeyUpdate: a peer of TLS 1.3 changes its keys, asks for new ones of the server's, and the
// messages go on.
func TestLoopKeyUpdate(t *testing.T) {
	url, _ := serveLoop(t, "wss", Config{Loop: new(Loop)}, echoEvents)
	peer := startOpenSSL(t, url, "tls1_3")
	peer.echo(t)
	for _, command := range []string{"k", "K", "K", "k"} { // K asks for the server's, too
		peer.do(t, command, "KEYUPDATE")
		peer.echo(t)
		peer.echo(t)
	}
}

// TestLoopRenegotiation: a peer of TLS 1.2 that asks for a renegotiation loses its connection.
// Others do not notice.
func TestLoopRenegotiation(t *testing.T) {
	ended := make(chan *CloseError, 1)
	url, d := serveLoop(t, "wss", Config{Loop: new(Loop)}, &Events{
		Message: echoEvents.Message,
		Close:   func(_ *Conn, err *CloseError) { ended <- err },
	})
	other := dialLoop(t, url, d, 1)[0]
	echoOnce(t, other)
	peer := startOpenSSL(t, url, "tls1_2")
	peer.echo(t)
	peer.do(t, "R", "RENEGOTIATING")
	err := <-ended
	if err.Code != CloseAbnormal || err.Err == nil || !strings.Contains(err.Err.Error(), "tls: ") {
		t.Errorf("the connection ended with %v, want 1006 and an error of crypto/tls", err)
	}
	echoOnce(t, other)
}
