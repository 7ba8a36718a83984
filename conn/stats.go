package conn

import (
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rfc6455/ws/frame"
)

// Stats counts what connections do, for metrics. [Stats.Trace] returns the Trace that feeds it. One
// Stats may count for any number of Upgraders and Dialers. The zero value is ready. It is an
// expvar.Var:
//
//	var stats ws.Stats
//	upgrader.Trace = stats.Trace()
//	expvar.Publish("websocket", &stats)
//
// [Stats.Snapshot] returns the counters. [Stats.Closed] and [Stats.CloseSent] return those of close
// codes. All methods may be called concurrently. A Stats must not be copied.
type Stats struct {
	counts counts

	mu     sync.Mutex
	closed map[CloseCode]int64
	sent   map[CloseCode]int64
}

// counts has a counter for each field of Counters.
type counts struct {
	opened, open, refused, panics                       atomic.Int64
	messagesReceived, bytesReceived, compressedReceived atomic.Int64
	messagesSent, bytesSent, compressedSent             atomic.Int64
	framesReceived, wireReceived, framesSent, wireSent  atomic.Int64
	pingsReceived, pingsSent, pongs, roundTrip          atomic.Int64
	queued, dropped                                     atomic.Int64
}

// Counters holds the counters of a [Stats] at some moment. All of them only grow, except Open.
type Counters struct {
	Opened  int64 // connections
	Open    int64 // connections that have not ended
	Refused int64 // opening handshakes that an Upgrader did not accept
	Panics  int64 // callbacks of Serve, and functions of HandlerFunc, that panicked

	MessagesReceived   int64 // complete messages
	BytesReceived      int64 // of these messages, inflated
	CompressedReceived int64 // how many of them were compressed
	MessagesSent       int64
	BytesSent          int64 // of these messages, before compression
	CompressedSent     int64

	FramesReceived int64 // control frames among them
	WireReceived   int64 // bytes of these frames, headers included
	FramesSent     int64
	WireSent       int64
	PingsReceived  int64
	PingsSent      int64

	Pongs     int64         // Pongs that answered a Ping of this side
	RoundTrip time.Duration // the sum of the round trips of Pongs

	Queued  int64 // messages of Append and Send that had to wait for the transport
	Dropped int64 // messages that Config.QueuePolicy dropped
}

// Snapshot returns the counters as they are now. It may be called concurrently. What happens
// meanwhile may be in some counters and not in others. To limit how many connections are open,
// compare Open with the limit in Upgrader.Check.
func (s *Stats) Snapshot() Counters {
	n := &s.counts
	return Counters{
		Opened: n.opened.Load(), Open: n.open.Load(), Refused: n.refused.Load(), Panics: n.panics.Load(),
		MessagesReceived: n.messagesReceived.Load(), BytesReceived: n.bytesReceived.Load(), CompressedReceived: n.compressedReceived.Load(),
		MessagesSent: n.messagesSent.Load(), BytesSent: n.bytesSent.Load(), CompressedSent: n.compressedSent.Load(),
		FramesReceived: n.framesReceived.Load(), WireReceived: n.wireReceived.Load(),
		FramesSent: n.framesSent.Load(), WireSent: n.wireSent.Load(),
		PingsReceived: n.pingsReceived.Load(), PingsSent: n.pingsSent.Load(),
		Pongs: n.pongs.Load(), RoundTrip: time.Duration(n.roundTrip.Load()),
		Queued: n.queued.Load(), Dropped: n.dropped.Load(),
	}
}

// Closed returns how many connections have ended with each code. The code is that of the Close
// frame received, or CloseAbnormal (1006) if none came. The map is the caller's. It may be called
// concurrently.
func (s *Stats) Closed() map[CloseCode]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.closed)
}

// CloseSent returns how many connections have ended after this side sent each code, such as 1009
// for messages that were too big. The code is that of the Close frame sent, or CloseNoStatus (1005)
// if it had none. Connections on which this side sent no Close frame are not counted. The map is
// the caller's. It may be called concurrently.
func (s *Stats) CloseSent() map[CloseCode]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.sent)
}

// Trace returns a Trace that counts. [JoinTraces] combines it with others. What it counts in
// Refused and Panics is logged all the same, unless another Trace has the hooks Refused and Panic.
func (s *Stats) Trace() *Trace {
	n := &s.counts
	return &Trace{
		Opened:          func(*Conn, *Request) { n.opened.Add(1); n.open.Add(1) },
		Refused:         func(*Request, error) { n.refused.Add(1) },
		FrameReceived:   func(_ *Conn, h frame.Header) { countFrame(h, &n.framesReceived, &n.wireReceived, &n.pingsReceived) },
		FrameSent:       func(_ *Conn, h frame.Header) { countFrame(h, &n.framesSent, &n.wireSent, &n.pingsSent) },
		MessageReceived: func(_ *Conn, m MessageInfo) { m.count(&n.messagesReceived, &n.bytesReceived, &n.compressedReceived) },
		MessageSent:     func(_ *Conn, m MessageInfo) { m.count(&n.messagesSent, &n.bytesSent, &n.compressedSent) },
		RoundTrip:       func(_ *Conn, rtt time.Duration) { n.pongs.Add(1); n.roundTrip.Add(int64(rtt)) },
		Queued:          func(*Conn, int) { n.queued.Add(1) },
		Dropped:         func(*Conn, MessageInfo) { n.dropped.Add(1) },
		Panic:           func(*Conn, any, []byte) { n.panics.Add(1) },
		Closed:          s.end,

		countsRefused: true,
		countsPanics:  true,
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

// end counts the end of a connection. A peer can choose among 2,013 codes at the most, and this
// side may repeat its code. That bounds the maps.
func (s *Stats) end(_ *Conn, err *CloseError) {
	s.counts.open.Add(-1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed == nil {
		s.closed, s.sent = make(map[CloseCode]int64), make(map[CloseCode]int64)
	}
	s.closed[err.Code]++
	if err.Sent != 0 {
		s.sent[err.Sent]++
	}
}

// String returns the counters as a JSON object, as expvar.Var wants it. The names are in lower case
// with underscores. "round_trip" is in nanoseconds. "closed" and "close_sent" are objects with a
// count for each code.
func (s *Stats) String() string {
	n, b := s.Snapshot(), []byte("{")
	for _, c := range []struct {
		name  string
		count int64
	}{
		{"opened", n.Opened},
		{"open", n.Open},
		{"refused", n.Refused},
		{"panics", n.Panics},
		{"messages_received", n.MessagesReceived},
		{"bytes_received", n.BytesReceived},
		{"compressed_received", n.CompressedReceived},
		{"messages_sent", n.MessagesSent},
		{"bytes_sent", n.BytesSent},
		{"compressed_sent", n.CompressedSent},
		{"frames_received", n.FramesReceived},
		{"wire_received", n.WireReceived},
		{"frames_sent", n.FramesSent},
		{"wire_sent", n.WireSent},
		{"pings_received", n.PingsReceived},
		{"pings_sent", n.PingsSent},
		{"pongs", n.Pongs},
		{"round_trip", int64(n.RoundTrip)},
		{"queued", n.Queued},
		{"dropped", n.Dropped},
	} {
		b = append(strconv.AppendQuote(b, c.name), ": "...)
		b = append(strconv.AppendInt(b, c.count, 10), ", "...)
	}
	b = appendCodes(append(b, `"closed": `...), s.Closed())
	b = appendCodes(append(b, `, "close_sent": `...), s.CloseSent())
	return string(append(b, '}'))
}

// appendCodes appends a JSON object with a count for each code.
func appendCodes(b []byte, counts map[CloseCode]int64) []byte {
	b = append(b, '{')
	for i, code := range slices.Sorted(maps.Keys(counts)) {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(strconv.AppendQuote(b, strconv.Itoa(int(code))), ": "...)
		b = strconv.AppendInt(b, counts[code], 10)
	}
	return append(b, '}')
}
