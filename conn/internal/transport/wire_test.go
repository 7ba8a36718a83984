//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package transport

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/rfc6455/ws/conn/internal/loop"
	"github.com/rfc6455/ws/conn/internal/wstest"
)

// TestWireWriteBesideSettle: crypto/tls answers a key update while somebody waits in settle, whose
// function needs the lock that Write has. So Write must not wait for that function's end.
func TestWireWriteBesideSettle(t *testing.T) {
	a, _ := wstest.TCP(t)
	s, err := new(loop.Loop).Take(a, GiveWay)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w := &Wire{Conn: s, socket: s}
	_ = s.SetWriteDeadline(time.Now().Add(time.Hour)) // as if somebody had waited before
	raw, _ := s.SyscallConn()
	inside, release := make(chan bool), make(chan bool)
	settled := make(chan error, 1)
	go func() {
		settled <- raw.Write(func(fd uintptr) bool {
			inside <- true
			<-release
			return true
		})
	}()
	<-inside
	wrote := make(chan error, 1)
	go func() { _, err := w.Write([]byte("answer")); wrote <- err }()
	select {
	case err := <-wrote:
		if err != nil {
			t.Errorf("Write: %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("Write waits for settle, with the lock for which settle waits")
	}
	close(release)
	if err := <-settled; err != nil {
		t.Errorf("settle: %v", err)
	}
}

// secured returns both ends of a TLS connection over TCP. The server's is in a loop.
func secured(t *testing.T) (*secure, *tls.Conn) {
	t.Helper()
	srv := httptest.NewTLSServer(nil) // for its certificate
	srv.Close()
	a, b := wstest.TCP(t)
	server := tls.Server(NewWire(a), &tls.Config{Certificates: srv.TLS.Certificates})
	client := tls.Client(b, &tls.Config{InsecureSkipVerify: true})
	shaken := make(chan error, 1)
	go func() { shaken <- client.Handshake() }()
	if err := errors.Join(server.Handshake(), <-shaken); err != nil {
		t.Fatal(err)
	}
	s := secureInLoop(server, new(loop.Loop))
	if s == nil {
		t.Fatal("the connection was not moved into the loop")
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, client
}

// TestSecureWriteNow: bytes count as written when the socket has taken the records that hold them.
// So what a peer does not read stays under WriteTimeout. None of it is written twice.
func TestSecureWriteNow(t *testing.T) {
	for _, size := range []int{100, 1000, 5000, 200_000} {
		s, client := secured(t)
		sent := make([]byte, 0, 16<<20)
		var counted int
		for full := false; !full; {
			for i := range size {
				sent = append(sent, byte(len(sent)+i))
			}
			for counted < len(sent) && !full { // as outbox's batch is written
				n, err := s.writeNow(sent[counted:])
				if err != nil {
					t.Fatal(err)
				}
				counted += n
				full = counted < len(sent)
			}
			if !full && (*Wire)(s).keeps() {
				t.Fatalf("messages of %d bytes: all has been written, and the Wire keeps a part", size)
			}
		}
		got := make(chan []byte, 1)
		go func() {
			p := make([]byte, len(sent))
			_, _ = io.ReadFull(client, p)
			got <- p
		}()
		if n, err := s.Write(sent[counted:]); err != nil || n != len(sent)-counted {
			t.Fatalf("Write of the rest: %d, %v, want %d", n, err, len(sent)-counted)
		}
		if (*Wire)(s).keeps() {
			t.Error("Write has returned, and the Wire keeps a part")
		}
		if !bytes.Equal(<-got, sent) {
			t.Errorf("messages of %d bytes: the peer got something else", size)
		}
	}
}

// TestWireCloseWrite: an HTTP server half-closes the connections of [Wire]'s listener, as others.
func TestWireCloseWrite(t *testing.T) {
	a, b := wstest.TCP(t)
	h, ok := NewWire(a).(interface{ CloseWrite() error })
	if !ok {
		t.Fatal("a Wire has no CloseWrite")
	}
	if err := h.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if n, err := b.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the peer reads %d, %v, want EOF", n, err)
	}
	if _, err := io.WriteString(b, "still"); err != nil {
		t.Errorf("the other direction: %v", err)
	}
}
