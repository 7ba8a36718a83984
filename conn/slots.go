package conn

import (
	"context"
	"sync"
	"syscall"
)

// slots are the addresses with which a dial is doing its handshake: "there
// MUST be no more than one connection in a CONNECTING state" for each (RFC
// 6455 section 4.1).
type slots struct {
	mu   sync.Mutex
	held []string
}

// connecting holds a token channel for each address that is being dialed.
var connecting = struct {
	sync.Mutex
	to map[string]*turnstile
}{to: map[string]*turnstile{}}

type turnstile struct {
	token chan struct{} // capacity 1: full while someone is connecting
	users int           // those who hold or wait
}

// acquire waits until nobody is connecting to addr. It is a
// net.Dialer.ControlContext, which is called with the address resolved, before
// the connection is opened.
func (s *slots) acquire(ctx context.Context, _, addr string, _ syscall.RawConn) error {
	connecting.Lock()
	t := connecting.to[addr]
	if t == nil {
		t = &turnstile{token: make(chan struct{}, 1)}
		connecting.to[addr] = t
	}
	t.users++
	connecting.Unlock()
	select {
	case t.token <- struct{}{}:
	case <-ctx.Done():
		leave(addr, t)
		return ctx.Err()
	}
	s.mu.Lock()
	s.held = append(s.held, addr)
	s.mu.Unlock()
	return nil
}

// release lets the next dials go on.
func (s *slots) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, addr := range s.held {
		connecting.Lock()
		t := connecting.to[addr]
		connecting.Unlock()
		<-t.token
		leave(addr, t)
	}
	s.held = nil
}

// leave forgets a turnstile that nobody uses any more.
func leave(addr string, t *turnstile) {
	connecting.Lock()
	defer connecting.Unlock()
	if t.users--; t.users == 0 {
		delete(connecting.to, addr)
	}
}
