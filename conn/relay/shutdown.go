package relay

import "context"

// Shutdown ends all pairs of connections in good order, as http.Server.Shutdown does not. Each side
// gets a Close frame with 1001 (going away, RFC 6455 section 7.4.1) as soon as the frame that is
// passing has ended, unless the other side's Close frame has passed already. What comes after that
// is dropped. Shutdown returns when all transports are closed and all calls of Ended have returned.
// CloseTimeout bounds the end of each pair. If ctx ends first, Shutdown cuts what is left and
// returns ctx's error.
//
// From the beginning of Shutdown on, requests are refused with 503. A Proxy stays shut down for
// good. Call Shutdown before http.Server.Shutdown or beside it, and not within Ended.
func (p *Proxy) Shutdown(ctx context.Context) error {
	p.mu.Lock()
	p.closing = true
	p.mu.Unlock()
	for _, s := range p.all() {
		go s.shutdown()
	}
	select {
	case <-p.awaitEmpty():
		return nil
	case <-ctx.Done():
		for _, s := range p.all() {
			s.cutOff()
		}
		return ctx.Err()
	}
}

// Len returns how many pairs of connections there are.
func (p *Proxy) Len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.pairs)
}

func (p *Proxy) all() []pair {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]pair, 0, len(p.pairs))
	for s := range p.pairs {
		list = append(list, s)
	}
	return list
}

// awaitEmpty returns a channel that is closed when nothing is held any more.
func (p *Proxy) awaitEmpty() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.empty == nil {
		p.empty = make(chan struct{})
	}
	empty := p.empty
	p.tellLocked()
	return empty
}

// hold makes Shutdown wait until release is called. It returns false if Shutdown was called.
func (p *Proxy) hold() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return false
	}
	p.held++
	return true
}

func (p *Proxy) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held--
	p.tellLocked()
}

// tellLocked tells Shutdown if nothing is held any more.
func (p *Proxy) tellLocked() {
	if p.held == 0 && p.empty != nil {
		close(p.empty)
		p.empty = nil
	}
}

// enter adds a pair. If Shutdown runs, either it finds the pair, or enter ends the pair.
func (p *Proxy) enter(s pair) {
	p.mu.Lock()
	if p.pairs == nil {
		p.pairs = make(map[pair]struct{})
	}
	p.pairs[s] = struct{}{}
	p.held++
	closing := p.closing
	p.mu.Unlock()
	if closing {
		go s.shutdown()
	}
}

// leave takes a pair out, which has ended.
func (p *Proxy) leave(s pair) {
	p.mu.Lock()
	delete(p.pairs, s)
	p.mu.Unlock()
	p.release()
}
