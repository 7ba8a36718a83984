package conn

import (
	"context"
	"net"
	"sync"
	"syscall"
)

// slots are the addresses with which one dial is doing its handshake: "there
// MUST be no more than one connection in a CONNECTING state" for each (RFC
// 6455 section 4.1). Package net tries the addresses of a name one after
// another, but IPv6 and IPv4 side by side, so that there is one of each.
type slots struct {
	mu   sync.Mutex
	held map[string]string // the address, by network
	over bool
}

// acquire waits until nobody is connecting to addr. It is a
// net.Dialer.ControlContext, which is called with the address resolved, before
// the connection is opened. The address before it was not to be reached: to
// hold it any longer could let two dials wait for each other.
func (s *slots) acquire(ctx context.Context, network, addr string, _ syscall.RawConn) error {
	s.mu.Lock()
	if before, ok := s.held[network]; ok {
		leave(before)
		delete(s.held, network)
	}
	s.mu.Unlock()
	if err := enter(ctx, addr); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over { // the other network was faster
		leave(addr)
		return net.ErrClosed
	}
	if s.held == nil {
		s.held = map[string]string{}
	}
	s.held[network] = addr
	return nil
}

// release lets the next dials go on.
func (s *slots) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	for _, addr := range s.held {
		leave(addr)
	}
	s.held = nil
}

// connecting has a turnstile for each address that is being dialed.
var connecting = struct {
	sync.Mutex
	to map[string]*turnstile
}{to: map[string]*turnstile{}}

type turnstile struct {
	token chan struct{} // capacity 1: full while someone is connecting
	users int           // those who hold or wait
}

// enter waits until nobody is connecting to addr.
func enter(ctx context.Context, addr string) error {
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
		return nil
	case <-ctx.Done():
		connecting.Lock()
		defer connecting.Unlock()
		t.forget(addr)
		return ctx.Err()
	}
}

// leave ends what enter began.
func leave(addr string) {
	connecting.Lock()
	defer connecting.Unlock()
	t := connecting.to[addr]
	<-t.token
	t.forget(addr)
}

// forget counts one user less. Call with connecting locked.
func (t *turnstile) forget(addr string) {
	if t.users--; t.users == 0 {
		delete(connecting.to, addr)
	}
}
