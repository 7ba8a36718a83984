//go:build linux

// Package load is the load generator: one thread with an epoll loop and just
// enough of RFC 6455 to send masked frames that were made beforehand, and to
// find the ends of the answers. It is the same for every server and cheap
// beside each of them.
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
	Flight      int  // messages that a connection has under way
	Burst       bool // the next Flight messages leave in one write, when all answers are there
	Size        int  // of a message, in bytes
	Text        bool
	Multibyte   bool // of its characters few are ASCII
	Compression servers.Compression
	Dialed      bool // the measured process dials, and the load generator is the server
	TLS         bool // of Idle alone
	Deep        bool // the server's handler uses 8 KiB of stack

	listener int // of a Dialed run
}

// Result is what a run has measured.
type Result struct {
	Messages int // messages that came back, recipients of broadcasts, or handshakes
	Elapsed  time.Duration
	P50, P99 time.Duration // from the sending of a message to its last byte
	WireIn   int64         // payload bytes that came on the wire, compressed
	Text     int64         // the same messages' size
}

// stall is how long the load generator waits for a server that is silent.
const stall = 10 * time.Second
