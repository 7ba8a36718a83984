package h3_test

import (
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go/quicvarint"
)

// relay passes datagrams between clients and a server, and loses, doubles and reorders some of
// them.
type relay struct {
	front  *net.UDPConn // where clients send to
	server *net.UDPAddr

	mu    sync.Mutex
	r     *rand.Rand
	fault faults
	backs map[string]*net.UDPConn // the socket for each client, by its address
	lost  int
	done  sync.WaitGroup

	asked   chan struct{} // closed when a 0-RTT packet has passed, or at the end
	askOnce sync.Once
}

func (r *relay) ask() { r.askOnce.Do(func() { close(r.asked) }) }

// faults are probabilities.
type faults struct {
	lose, double, delay float64

	wait time.Duration // of each datagram
	// early lets clients' Initial and 0-RTT packets pass, and no other ones of theirs. Nothing of
	// the server's passes before a 0-RTT packet: with the end of the handshake a client would
	// switch to 1-RTT.
	early bool
}

// relayTo starts a relay to the server at addr.
func relayTo(t testing.TB, addr string, seed uint64, f faults) *relay {
	t.Helper()
	server, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	front, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{front: front, server: server, r: rand.New(rand.NewPCG(seed, 0)), fault: f, backs: map[string]*net.UDPConn{}, asked: make(chan struct{})}
	if !f.early {
		r.ask()
	}
	r.done.Go(r.forth)
	t.Cleanup(func() {
		_ = front.Close()
		r.ask()
		r.mu.Lock()
		for _, back := range r.backs {
			_ = back.Close()
		}
		r.mu.Unlock()
		r.done.Wait()
	})
	return r
}

func (r *relay) addr() string { return r.front.LocalAddr().String() }

// loseAll loses all from now on.
func (r *relay) loseAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fault.lose = 1
}

// losses returns how many datagrams were lost.
func (r *relay) losses() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lost
}

// forth passes on what clients send.
func (r *relay) forth() {
	b := make([]byte, 1<<16)
	for {
		n, from, err := r.front.ReadFromUDP(b)
		if err != nil {
			return
		}
		back := r.backOf(from)
		if back == nil {
			return
		}
		p, zeroRTT := b[:n], false
		if r.fault.early {
			p, zeroRTT = earlyPackets(p)
		}
		r.pass(p, func(p []byte) { _, _ = back.Write(p) })
		if zeroRTT {
			r.ask()
		}
	}
}

// backOf returns the socket through which the server sees a client.
func (r *relay) backOf(from *net.UDPAddr) *net.UDPConn {
	r.mu.Lock()
	defer r.mu.Unlock()
	back := r.backs[from.String()]
	if back != nil {
		return back
	}
	back, err := net.DialUDP("udp", nil, r.server)
	if err != nil {
		return nil
	}
	r.backs[from.String()] = back
	r.done.Go(func() {
		b := make([]byte, 1<<16)
		for {
			n, err := back.Read(b)
			if err != nil {
				return
			}
			<-r.asked
			r.pass(b[:n], func(p []byte) { _, _ = r.front.WriteToUDP(p, from) })
		}
	})
	return back
}

// earlyPackets returns the Initial and 0-RTT packets in a datagram (RFC 9000 sections 12.2 and
// 17.2), and whether one of them is of 0-RTT.
func earlyPackets(b []byte) (early []byte, zeroRTT bool) {
	for len(b) > 0 && b[0]&0x80 != 0 {
		kind := b[0] >> 4 & 3
		i := 6 + int(b[5]) // behind the version and the destination
		i += 1 + int(b[i]) // the source
		if kind == 0 {     // Initial packets have a token
			n, size, _ := quicvarint.Parse(b[i:])
			i += size + int(n)
		}
		n, size, _ := quicvarint.Parse(b[i:])
		i += size + int(n)
		if kind <= 1 {
			early = append(early, b[:i]...)
			zeroRTT = zeroRTT || kind == 1
		}
		b = b[i:]
	}
	return early, zeroRTT
}

// pass sends a datagram, or does not.
func (r *relay) pass(b []byte, send func([]byte)) {
	r.mu.Lock()
	f, x, y, z := r.fault, r.r.Float64(), r.r.Float64(), r.r.Float64()
	if x < f.lose || len(b) == 0 {
		r.lost++
	}
	wait := f.wait
	if z < f.delay { // others overtake it
		wait += time.Duration(r.r.IntN(5000)) * time.Microsecond
	}
	r.mu.Unlock()
	if x < f.lose || len(b) == 0 {
		return
	}
	if y < f.double {
		send(b)
	}
	if wait > 0 {
		p := append([]byte(nil), b...)
		time.AfterFunc(wait, func() { send(p) })
		return
	}
	send(b)
}
