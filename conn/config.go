//go:build !js

package conn

import (
	"fmt"
	"time"

	"github.com/rfc6455/ws/conn/internal/deflate"
	"github.com/rfc6455/ws/conn/internal/loop"
	"github.com/rfc6455/ws/conn/internal/outbox"
)

// Config holds the limits and timeouts of a connection. [Upgrader] and [Dialer] embed it. The zero
// value is right for most uses. A field that is zero takes its default, and a negative value
// switches the limit off. A Config must not be changed while connections made with it are in use.
//
// A timeout below a millisecond is a mistake, which [Upgrader.Validate] and [Dialer.Validate] find:
// a number whose unit was forgotten, as in KeepAlive: 30, which is 30 ns.
type Config struct {
	// MaxMessageSize bounds one message of the peer, in bytes after inflation. A larger message
	// fails the connection with 1009 as soon as its size is known, before its bytes are held.
	// Default: 1 MiB.
	MaxMessageSize int64

	// MaxFragments bounds the frames of one message of the peer, empty frames included. More frames
	// fail the connection with 1008. Default: 131072.
	MaxFragments int

	// FragmentSize is the payload of the largest data frame of [Conn.Write] and [Conn.NextWriter],
	// in bytes. A longer message is split (RFC 6455 section 5.4), so that control frames can pass
	// between its frames. A message of [Conn.Append], [Conn.Send] or [Prepare] is always one frame.
	// Default: 250 KiB. Negative: Write sends every message as one frame.
	FragmentSize int

	// Compression is permessage-deflate (RFC 7692). Default: off.
	Compression Compression

	// KeepAlive is how long the peer may be silent before this side sends a Ping. Any byte from the
	// peer counts as a sign of life. If no message has passed for so long, the windows of a
	// compression with takeover are held compressed. Default: off.
	KeepAlive time.Duration

	// PongTimeout is how long the peer may stay silent after a keepalive Ping. Then the connection
	// ends with [ErrPongTimeout]. The timeout runs only while someone reads, so that a slow handler
	// on this side does not end the connection of a live peer. Default: 10 s. It has no effect
	// while KeepAlive is off.
	PongTimeout time.Duration

	// IdleTimeout ends a connection with 1001 (going away) if no message has passed in either
	// direction for that long. Like PongTimeout it runs only while someone reads. Default: off.
	IdleTimeout time.Duration

	// WriteTimeout bounds one write to the transport, of at most 128 KiB or one frame. The
	// connection of a peer that does not read ends with [ErrWriteTimeout]. On a transport that is
	// no socket, such as TLS, the end may come up to a sixteenth of the timeout earlier. Default:
	// 30 s.
	WriteTimeout time.Duration

	// CloseTimeout bounds the closing handshake, from the first Close frame to the end of the TCP
	// connection. If the peer ends its direction without a Close frame, CloseTimeout bounds how
	// long the queue may take to leave. Default: 5 s. Negative: no bound, which leaves the end to
	// the peer.
	CloseTimeout time.Duration

	// Queue bounds, in bytes, what waits in the connection for a peer that does not read.
	// [Conn.Append], [Conn.Send] and cancelled writes fill it. Headers count too, and so do 128
	// bytes for each message that is not encoded yet. A message that is longer than Queue can't be
	// queued ([ErrQueueTooSmall]). QueuePolicy says what happens if there is no room. Default:
	// twice MaxMessageSize, and 2 MiB at least, so that what was received can be sent back. If
	// MaxMessageSize is unlimited, a message of any length is taken while less than 2 MiB wait.
	Queue int

	// QueuePolicy says what happens if Queue has no room for a message. The connection is closed,
	// or the message is refused, or it is dropped, or older ones are dropped. Default: QueueClose.
	QueuePolicy QueuePolicy

	// Loop waits for the connections without a goroutine for each. [Loop] says which connections it
	// takes, and what differs. Default: none.
	Loop *Loop

	// Group keeps track of the connections. It can send to all of them, and end them in good order.
	// Default: none.
	Group *Group

	// Trace observes the connections. Default: nothing.
	Trace *Trace
}

// QueuePolicy says what becomes of a message of [Conn.Append], [Conn.Send], [Conn.SendPrepared] or
// [Group.Broadcast] for which Config.Queue has no room, because the peer reads more slowly than the
// program sends. Messages of [Conn.Write] and [Conn.NextWriter] wait instead, and are never
// dropped.
type QueuePolicy uint8

// The policies.
const (
	// QueueClose fails the connection with 1013 (try again later, in the registry of RFC 6455
	// section 11.7) and [ErrQueueFull] as its cause, with which the call returns. It is the default:
	// no message is missing between two that arrive, also if a program looks at no error, and the
	// peer may connect again, as [Dialer.Reconnect] does.
	QueueClose = QueuePolicy(outbox.Close)

	// QueueRefuse returns ErrQueueFull and takes nothing of the message: for programs that look at
	// the error and know what the message is worth. They may send it with Write, which waits, or
	// wait for Drained, or do without it.
	QueueRefuse = QueuePolicy(outbox.Refuse)

	// QueueDropNewest drops the message and returns nil.
	QueueDropNewest = QueuePolicy(outbox.DropNewest)

	// QueueDropOldest drops the messages that have waited longest, as many as make room for the new
	// one, and returns nil: for messages that a later one supersedes. What is on its way already,
	// up to a quarter of Config.Queue and 64 KiB at the most, stays. The new message is dropped if
	// dropping all the others would not make room. With this policy messages wait as they are and
	// are compressed only when they leave.
	QueueDropOldest = QueuePolicy(outbox.DropOldest)
)

var queuePolicyNames = [...]string{"close", "refuse", "drop newest", "drop oldest"}

// String returns the name of the policy, such as "refuse".
func (p QueuePolicy) String() string {
	if int(p) < len(queuePolicyNames) {
		return queuePolicyNames[p]
	}
	return "unknown"
}

// Defaults of Config.
const (
	defaultMaxMessageSize = 1 << 20
	defaultMaxFragments   = 1 << 17
	defaultFragmentSize   = 2 * maxPiece
	defaultPongTimeout    = 10 * time.Second
	defaultWriteTimeout   = 30 * time.Second
	defaultCloseTimeout   = 5 * time.Second
	defaultQueue          = 2 << 20
)

// setting resolves one field of Config. Zero means def, and a negative value means off.
func setting[T int | int64 | time.Duration](v, def, off T) T {
	switch {
	case v == 0:
		return def
	case v < 0:
		return off
	}
	return v
}

func (c *Config) maxMessageSize() int64 { return setting(c.MaxMessageSize, defaultMaxMessageSize, 0) }
func (c *Config) maxFragments() int     { return setting(c.MaxFragments, defaultMaxFragments, 0) }
func (c *Config) queue() int            { return setting(c.Queue, defaultQueue, maxInt) }
func (c *Config) fragmentSize() int     { return setting(c.FragmentSize, defaultFragmentSize, maxInt) }

// loop returns the loop that serves. It is nil if there is none.
func (c *Config) loop() *loop.Loop {
	if c.Loop == nil {
		return loop.Every
	}
	return &c.Loop.pollers
}

// The durations. Zero here means that the timer is off.

func (c *Config) keepAlive() time.Duration { return setting(c.KeepAlive, 0, 0) }

func (c *Config) pongTimeout() time.Duration { return setting(c.PongTimeout, defaultPongTimeout, 0) }

func (c *Config) idleTimeout() time.Duration { return setting(c.IdleTimeout, 0, 0) }

func (c *Config) writeTimeout() time.Duration { return setting(c.WriteTimeout, defaultWriteTimeout, 0) }

func (c *Config) closeTimeout() time.Duration { return setting(c.CloseTimeout, defaultCloseTimeout, 0) }

const maxInt = int(^uint(0) >> 1)

// validate reports the first field of c whose value does not exist.
func (c *Config) validate() error {
	z := &c.Compression
	switch {
	case z.Mode > CompressionTakeover:
		return errMode
	case z.Level < 0 || z.Level > 9:
		return fmt.Errorf("websocket: Compression.Level is %d: it must be 1 to 9, or 0 for the default", z.Level)
	case !validBits(z.ServerWindowBits):
		return fmt.Errorf("websocket: Compression.ServerWindowBits is %d: it must be 8 to 15, or 0 for the default", z.ServerWindowBits)
	case !validBits(z.ClientWindowBits):
		return fmt.Errorf("websocket: Compression.ClientWindowBits is %d: it must be 8 to 15, or 0 for the default", z.ClientWindowBits)
	case c.QueuePolicy > QueueDropOldest:
		return fmt.Errorf("websocket: QueuePolicy %d does not exist: use QueueClose, QueueRefuse, QueueDropNewest or QueueDropOldest", c.QueuePolicy)
	}
	return c.validateTimeouts()
}

// validateTimeouts reports the first timeout that is too short to be meant. A number without a unit
// compiles, and is one of nanoseconds. With such a KeepAlive a connection would ping without a
// pause.
func (c *Config) validateTimeouts() error {
	for _, t := range [...]struct {
		name string
		time.Duration
	}{
		{"KeepAlive", c.KeepAlive},
		{"PongTimeout", c.PongTimeout},
		{"IdleTimeout", c.IdleTimeout},
		{"WriteTimeout", c.WriteTimeout},
		{"CloseTimeout", c.CloseTimeout},
	} {
		if 0 < t.Duration && t.Duration < time.Millisecond {
			return fmt.Errorf("websocket: Config.%s is %v, which is less than 1 ms: give it a unit, as in 30 * time.Second", t.name, t.Duration)
		}
	}
	return nil
}

func validBits(n int) bool { return n == 0 || n >= 8 && n <= deflate.MaxWindowBits }
