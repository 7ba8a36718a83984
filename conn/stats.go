package conn

import (
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// Stats counts what connections do, for metrics. Its Trace feeds it; one Stats
// may count for any number of Upgraders and Dialers. The zero value is ready.
// It is an expvar.Var:
//
//	var stats ws.Stats
//	upgrader.Trace = stats.Trace()
//	expvar.Publish("websocket", &stats)
//
// The counters only grow, except Open. They are read with Load, at any time; a
// program that has a limit on Open can hold a handshake against it in
// Upgrader.Check. A Stats must not be copied.
type Stats struct {
	Opened  atomic.Int64 // connections
	Open    atomic.Int64 // of those, the ones that have not ended
	Refused atomic.Int64 // opening handshakes that an Upgrader did not accept
	Panics  atomic.Int64 // callbacks of Serve that panicked

	MessagesReceived   atomic.Int64 // complete ones
	BytesReceived      atomic.Int64 // of these messages, inflated
	CompressedReceived atomic.Int64 // how many of them were compressed
	MessagesSent       atomic.Int64
	BytesSent          atomic.Int64 // of these messages, before compression
	CompressedSent     atomic.Int64

	FramesReceived atomic.Int64 // control frames among them
	WireReceived   atomic.Int64 // bytes of these frames, headers included
	FramesSent     atomic.Int64
	WireSent       atomic.Int64
	PingsReceived  atomic.Int64
	PingsSent      atomic.Int64

	Pongs     atomic.Int64 // that answered a ping of this side
	RoundTrip atomic.Int64 // how long these took in all, in nanoseconds

	Queued  atomic.Int64 // messages of Append and Send that had to wait for the transport
	Dropped atomic.Int64 // messages that Config.QueuePolicy dropped

	mu     sync.Mutex
	closed map[CloseCode]int64
}

// Closed returns how many connections have ended with which code: that of the
// Close frame received, CloseAbnormal (1006) where none came. The map is the
// caller's.
func (s *Stats) Closed() map[CloseCode]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.closed)
}

// Trace returns a Trace that counts. JoinTraces combines it with others.
func (s *Stats) Trace() *Trace {
	return &Trace{
		Opened:          func(*Conn, *handshake.Request) { s.Opened.Add(1); s.Open.Add(1) },
		Refused:         func(*handshake.Request, error) { s.Refused.Add(1) },
		FrameReceived:   func(_ *Conn, h frame.Header) { countFrame(h, &s.FramesReceived, &s.WireReceived, &s.PingsReceived) },
		FrameSent:       func(_ *Conn, h frame.Header) { countFrame(h, &s.FramesSent, &s.WireSent, &s.PingsSent) },
		MessageReceived: func(_ *Conn, m MessageInfo) { m.count(&s.MessagesReceived, &s.BytesReceived, &s.CompressedReceived) },
		MessageSent:     func(_ *Conn, m MessageInfo) { m.count(&s.MessagesSent, &s.BytesSent, &s.CompressedSent) },
		RoundTrip:       func(_ *Conn, rtt time.Duration) { s.Pongs.Add(1); s.RoundTrip.Add(int64(rtt)) },
		Queued:          func(*Conn, int) { s.Queued.Add(1) },
		Dropped:         func(*Conn, MessageInfo) { s.Dropped.Add(1) },
		Panic:           func(*Conn, any, []byte) { s.Panics.Add(1) },
		Closed:          s.end,
	}
}

func countFrame(h frame.Header, frames, wire, pings *atomic.Int64) {
	frames.Add(1)
	wire.Add(int64(h.Size()) + h.Length)
	if h.Opcode == frame.Ping {
		pings.Add(1)
	}
}

func (m MessageInfo) count(messages, bytes, compressed *atomic.Int64) {
	messages.Add(1)
	bytes.Add(m.Size)
	if m.Compressed {
		compressed.Add(1)
	}
}

// end counts the end of a connection. A peer can choose among 2,013 codes at
// the most, which bounds the map.
func (s *Stats) end(_ *Conn, err *CloseError) {
	s.Open.Add(-1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed == nil {
		s.closed = make(map[CloseCode]int64)
	}
	s.closed[err.Code]++
}

// String returns the counters as a JSON object, as expvar.Var asks for: their
// names in lower case with underscores, and "closed" as an object of its own
// with a count for each code.
func (s *Stats) String() string {
	b := []byte("{")
	for _, c := range []struct {
		name  string
		count *atomic.Int64
	}{
		{"opened", &s.Opened},
		{"open", &s.Open},
		{"refused", &s.Refused},
		{"panics", &s.Panics},
		{"messages_received", &s.MessagesReceived},
		{"bytes_received", &s.BytesReceived},
		{"compressed_received", &s.CompressedReceived},
		{"messages_sent", &s.MessagesSent},
		{"bytes_sent", &s.BytesSent},
		{"compressed_sent", &s.CompressedSent},
		{"frames_received", &s.FramesReceived},
		{"wire_received", &s.WireReceived},
		{"frames_sent", &s.FramesSent},
		{"wire_sent", &s.WireSent},
		{"pings_received", &s.PingsReceived},
		{"pings_sent", &s.PingsSent},
		{"pongs", &s.Pongs},
		{"round_trip", &s.RoundTrip},
		{"queued", &s.Queued},
		{"dropped", &s.Dropped},
	} {
		b = append(strconv.AppendQuote(b, c.name), ": "...)
		b = append(strconv.AppendInt(b, c.count.Load(), 10), ", "...)
	}
	b = append(b, `"closed": {`...)
	closed := s.Closed()
	for i, code := range slices.Sorted(maps.Keys(closed)) {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(strconv.AppendQuote(b, strconv.Itoa(int(code))), ": "...)
		b = strconv.AppendInt(b, closed[code], 10)
	}
	return string(append(b, "}}"...))
}
