package conn

import "time"

// Config holds the limits and timeouts of a connection. It is embedded in
// Upgrader and Dialer. The zero value is right for most uses: a field that is
// zero takes its default, a negative one switches the limit off. It must not
// be changed while connections made with it are in use.
type Config struct {
	// MaxMessageSize bounds one message of the peer in bytes, after
	// inflation. A larger one fails the connection with 1009 as soon as its
	// size is known, before its bytes are held. Default: 1 MiB.
	MaxMessageSize int64

	// MaxFragments bounds the frames of one message of the peer, empty ones
	// included; more fail the connection with 1008. Default: 131072.
	MaxFragments int

	// FragmentSize is the payload of the largest data frame of Write and
	// NextWriter, in bytes: a longer message is split (RFC 6455 section 5.4),
	// so that control frames can pass between. What Append and Send queue, and
	// what Prepare made, is one frame. Default: 128 KiB. Negative: a message
	// given whole is sent as one frame.
	FragmentSize int

	// Compression is permessage-deflate (RFC 7692). Default: off.
	Compression Compression

	// KeepAlive is how long the peer may be silent before it is sent a Ping.
	// Any byte from the peer counts as life. Default: off.
	KeepAlive time.Duration

	// PongTimeout is how long after a keepalive Ping the peer may stay
	// silent before the connection is ended with ErrPongTimeout. It runs only
	// while someone reads: a slow handler of ours does not end a live peer.
	// Default: 10 s. It has no effect while KeepAlive is off.
	PongTimeout time.Duration

	// IdleTimeout ends a connection with 1001 (going away) over which no
	// message has passed in either direction for that long. Like PongTimeout
	// it counts only while someone reads. Default: off.
	IdleTimeout time.Duration

	// WriteTimeout bounds one write to the transport, of at most 128 KiB or
	// one frame: a peer that never reads loses its connection with
	// ErrWriteTimeout. On a transport that is no socket, such as TLS, it may
	// come up to a sixteenth earlier. Default: 30 s.
	WriteTimeout time.Duration

	// CloseTimeout bounds the closing handshake, from the first Close frame to
	// the end of the TCP connection. Default: 5 s. Negative: no bound, which
	// leaves the end to the peer.
	CloseTimeout time.Duration

	// Queue bounds the bytes that Append, Send and cancelled writes leave
	// with the connection for a peer that does not read, headers and 128 bytes
	// for each message that is not encoded yet included: no longer message can
	// be queued. QueuePolicy says what happens beyond. Default: 2 MiB.
	Queue int

	// QueuePolicy says what becomes of a message for which Queue has no room:
	// it is refused, or dropped, or others are, or the connection is closed.
	// Default: QueueRefuse.
	QueuePolicy QueuePolicy

	// Group keeps track of the connections, to send to all of them and to end
	// them in good order. Default: none.
	Group *Group

	// Trace observes the connections. Default: nothing.
	Trace *Trace
}

// Defaults of Config.
const (
	defaultMaxMessageSize = 1 << 20
	defaultMaxFragments   = 1 << 17
	defaultFragmentSize   = 128 << 10
	defaultPongTimeout    = 10 * time.Second
	defaultWriteTimeout   = 30 * time.Second
	defaultCloseTimeout   = 5 * time.Second
	defaultQueue          = 2 << 20
)

// setting resolves one field of Config: zero means def, negative means off.
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

// The durations: zero here means that the timer is off.

func (c *Config) keepAlive() time.Duration    { return setting(c.KeepAlive, 0, 0) }
func (c *Config) pongTimeout() time.Duration  { return setting(c.PongTimeout, defaultPongTimeout, 0) }
func (c *Config) idleTimeout() time.Duration  { return setting(c.IdleTimeout, 0, 0) }
func (c *Config) writeTimeout() time.Duration { return setting(c.WriteTimeout, defaultWriteTimeout, 0) }
func (c *Config) closeTimeout() time.Duration { return setting(c.CloseTimeout, defaultCloseTimeout, 0) }

const maxInt = int(^uint(0) >> 1)
