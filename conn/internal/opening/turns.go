package opening

import (
	"context"
	"net"
	"sync"
	"syscall"
)

// Turns holds the addresses with which one dial is doing its handshake. For each address "there
// MUST be no more than one connection in a CONNECTING state" (RFC 6455 section 4.1). Package net
// tries the addresses of a name one after another, but IPv6 and IPv4 side by side. So a dial may
// hold one address of each. The zero value holds none.
type Turns struct {
	mu    sync.Mutex
	held  map[string]string // the address held, by network
	ended bool
}

// Acquire waits until no other dial has its turn with addr, and then takes the turn. It is a
// net.Dialer.ControlContext. Package net calls that with the resolved address, before it opens the
// connection. If the network had an address before, it could not be reached, and its turn ends
// first. If it were kept, two dials could wait for each other.
func (t *Turns) Acquire(ctx context.Context, network, addr string, _ syscall.RawConn) error {
	t.endNetwork(network)
	if err := waitTurn(ctx, addr); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended { // the other network was faster
		endTurn(addr)
		return net.ErrClosed
	}
	if t.held == nil {
		t.held = map[string]string{}
	}
	t.held[network] = addr
	return nil
}

// endNetwork ends the turn with the network's address, if there is one.
func (t *Turns) endNetwork(network string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if addr, ok := t.held[network]; ok {
		endTurn(addr)
		delete(t.held, network)
	}
}

// End ends all turns, so that the next dials go on. After it Acquire returns an error.
func (t *Turns) End() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	for _, addr := range t.held {
		endTurn(addr)
	}
	t.held = nil
}

// turnstiles has a turnstile for each address that is being dialed.
var turnstiles = struct {
	sync.Mutex
	to map[string]*turnstile
}{to: map[string]*turnstile{}}

type turnstile struct {
	token chan struct{} // capacity 1: full while someone is connecting
	users int           // dials that have their turn or wait for it
}

// waitTurn waits for the turn with addr.
func waitTurn(ctx context.Context, addr string) error {
	turnstiles.Lock()
	t := turnstiles.to[addr]
	if t == nil {
		t = &turnstile{token: make(chan struct{}, 1)}
		turnstiles.to[addr] = t
	}
	t.users++
	turnstiles.Unlock()
	select {
	case t.token <- struct{}{}:
		return nil
	case <-ctx.Done():
		turnstiles.Lock()
		defer turnstiles.Unlock()
		t.forgetLocked(addr)
		return ctx.Err()
	}
}

// endTurn ends the turn that waitTurn gave.
func endTurn(addr string) {
	turnstiles.Lock()
	defer turnstiles.Unlock()
	t := turnstiles.to[addr]
	<-t.token
	t.forgetLocked(addr)
}

// forgetLocked counts one user less. It needs the lock of turnstiles.
func (t *turnstile) forgetLocked(addr string) {
	if t.users--; t.users == 0 {
		delete(turnstiles.to, addr)
	}
}
