package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// TestMain runs the program itself if a test's child wants that.
func TestMain(m *testing.M) {
	if os.Getenv("SSH_EXAMPLE_PIPE") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// newKey returns a key, and the file that it is in.
func newKey(t *testing.T) (ssh.Signer, string) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	signer, err := readKey(file)
	if err != nil {
		t.Fatal(err)
	}
	return signer, file
}

// listen serves connections on a free port until the test ends.
func listen(t *testing.T, serve func(net.Conn)) (addr string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	return l.Addr().String()
}

// mirror reads to the end, and then sends all of it back: who waits for the answer has ended one
// direction and not the other.
func mirror(c net.Conn) {
	defer c.Close()
	all, _ := io.ReadAll(c)
	_, _ = c.Write(all)
}

// world is a server with a target, and a client that it knows.
type world struct {
	url, target     string
	key             ssh.Signer
	keyFile         string
	knownHosts      string // a file
	host            ssh.PublicKey
	hostname, port  string
	forbiddenTarget string
}

func newWorld(t *testing.T, target func(net.Conn)) *world {
	w := &world{target: listen(t, target), forbiddenTarget: listen(t, mirror)}
	w.key, w.keyFile = newKey(t)
	hostKey, _ := newKey(t)
	w.host = hostKey.PublicKey()
	s, err := newServer(hostKey, ssh.MarshalAuthorizedKey(w.key.PublicKey()), []string{w.target})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s.handler())
	t.Cleanup(srv.Close)
	w.url = strings.Replace(srv.URL, "http", "ws", 1)
	u, err := url.Parse(w.url)
	if err != nil {
		t.Fatal(err)
	}
	w.hostname, w.port = u.Hostname(), u.Port()
	w.knownHosts = filepath.Join(t.TempDir(), "known_hosts")
	line := knownhosts.Line([]string{hostPort(u)}, w.host) + "\n"
	if err := os.WriteFile(w.knownHosts, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

// TestForward leads many connections at a time through one WebSocket.
func TestForward(t *testing.T) {
	w := newWorld(t, mirror)
	ctx, cancel := context.WithCancel(t.Context())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	local := l.Addr().String()
	ended := make(chan error, 1)
	go func() { ended <- forward(ctx, w.url, w.keyFile, w.knownHosts, l, w.target) }()

	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			nc, err := net.Dial("tcp", local)
			if err != nil {
				t.Error(err)
				return
			}
			defer nc.Close()
			c := nc.(*net.TCPConn)
			sent := bytes.Repeat([]byte{byte(i)}, i*50_000)
			if _, err := c.Write(sent); err != nil {
				t.Error(err)
			}
			if err := c.CloseWrite(); err != nil {
				t.Error(err)
			}
			if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, sent) {
				t.Errorf("received %d bytes, %v, want the %d that were sent", len(got), err, len(sent))
			}
		})
	}
	all.Wait()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("forward = %v when its context ended, want nil", err)
	}
}

// await waits until ok returns true.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.After(time.Minute); !ok(); {
		select {
		case <-deadline:
			t.Fatalf("waited in vain until %s", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// TestRefusals: who is a stranger to the other end does not get in, and nobody gets anywhere but to
// the targets.
func TestRefusals(t *testing.T) {
	w := newWorld(t, mirror)
	trust := ssh.FixedHostKey(w.host)
	other, _ := newKey(t)
	if _, err := dial(t.Context(), w.url, other, trust); err == nil || !strings.Contains(err.Error(), "unable to authenticate") {
		t.Errorf("a stranger's key: %v, want a refusal", err)
	}
	if _, err := dial(t.Context(), w.url, w.key, ssh.FixedHostKey(other.PublicKey())); err == nil || !strings.Contains(err.Error(), "host key mismatch") {
		t.Errorf("a stranger's server: %v, want a refusal", err)
	}
	client, err := dial(t.Context(), w.url, w.key, trust)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Dial("tcp", w.forbiddenTarget); err == nil || !strings.Contains(err.Error(), "does not lead there") {
		t.Errorf("another target: %v, want a refusal", err)
	}
	if _, err := client.NewSession(); err == nil || !strings.Contains(err.Error(), "forwards connections only") {
		t.Errorf("a session: %v, want a refusal", err)
	}
	if _, err := newServer(w.key, []byte("no key"), nil); err == nil {
		t.Error("a file without keys is taken, want an error")
	}
}

// TestSilentTarget: nothing is left of a client that has gone, even if the target takes no notice.
func TestSilentTarget(t *testing.T) {
	held := make(chan net.Conn, 1)
	w := newWorld(t, func(c net.Conn) { held <- c })
	client, err := dial(t.Context(), w.url, w.key, ssh.FixedHostKey(w.host))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Dial("tcp", w.target); err != nil {
		t.Fatal(err)
	}
	target := <-held
	defer target.Close()
	await(t, "the channel is joined with the target", joining)
	client.Close()
	await(t, "the connection to the target has ended", func() bool { return !joining() })
}

// joining reports whether a goroutine is within join.
func joining() bool {
	stacks := make([]byte, 1<<20)
	return bytes.Contains(stacks[:runtime.Stack(stacks, true)], []byte("examples/ssh.join("))
}

// TestOpenSSH: OpenSSH's client gets through over pipe.
func TestOpenSSH(t *testing.T) {
	program, err := exec.LookPath("ssh")
	if err != nil {
		t.Skip("ssh is not installed (Debian: apt-get install openssh-client)")
	}
	w := newWorld(t, mirror)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "-F", "none", "-i", w.keyFile, "-p", w.port, "-W", w.target,
		"-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "UserKnownHostsFile="+w.knownHosts,
		"-o", fmt.Sprintf("ProxyCommand='%s' pipe ws://%%h:%%p/", os.Args[0]), "anybody@"+w.hostname)
	cmd.Env = append(os.Environ(), "SSH_EXAMPLE_PIPE=1")
	sent := bytes.Repeat([]byte("x"), 1<<20)
	cmd.Stdin = bytes.NewReader(sent)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	got, err := cmd.Output()
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("received %d bytes, %v, want the %d that were sent\n%s", len(got), err, len(sent), stderr.String())
	}
	if stderr.Len() > 0 {
		t.Errorf("ssh says %s", stderr.String())
	}
}
