//go:build linux

// Package load is the load generator. It is one thread with an epoll loop. It knows just enough of
// RFC 6455 to send frames that were made beforehand, and to find the ends of the answers. It is the
// same for every server, and costs little beside each of them.
package load

import (
	"time"

	"github.com/rfc6455/ws/bench/peers/internal/servers"
)

// Kind is what the connections do.
type Kind string

// The kinds of load.
const (
	Echo      Kind = "echo"      // messages that come back
	Broadcast Kind = "broadcast" // the first connection's messages come to all
	Idle      Kind = "idle"      // ten messages each, then silence
	Handshake Kind = "handshake" // connect, shake hands, disconnect
)

// Spec is one run of the load generator.
type Spec struct {
	Kind        Kind
	Addr        string
	Conns       int
	Flight      int  // how many messages a connection has under way
	Burst       bool // Flight messages leave in one write, each time when all answers are there
	Size        int  // of a message, in bytes
	Text        bool
	Multibyte   bool // few characters are ASCII
	Compression servers.Compression
	Dialed      bool // the measured process dials, and the load generator is the server
	TLS         bool // for Idle, and for Echo with one message under way
	Deep        bool // the server's handler uses 8 KiB of stack

	listener int // of a Dialed run
}

// Work is what the server has to do with the messages.
func (s *Spec) Work() servers.Work {
	if s.Kind == Broadcast {
		return servers.Broadcast
	}
	return servers.Echo
}

// Result is what a run has measured.
type Result struct {
	Messages int // messages that came back, recipients of broadcasts, or handshakes
	Elapsed  time.Duration
	P50, P99 time.Duration // from the sending of a message to its last byte
	WireIn   int64         // payload bytes that came on the wire, compressed
	Text     int64         // size of the same messages, in bytes, not compressed
}

// stall is how long the load generator waits for a silent server.
const stall = 10 * time.Second
