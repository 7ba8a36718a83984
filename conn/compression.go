package conn

import (
	"errors"

	"github.com/rfc6455/ws/conn/internal/deflate"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// CompressionMode says whether and how permessage-deflate (RFC 7692) is
// negotiated.
type CompressionMode uint8

// The modes.
const (
	// CompressionOff neither offers nor accepts compression. It is the default:
	// compressing secrets together with text that an attacker can choose tells
	// the attacker about the secrets (RFC 7692 section 8; CRIME and BREACH).
	CompressionOff CompressionMode = iota

	// CompressionNoTakeover compresses each message by itself, in both
	// directions, and holds no memory between messages.
	CompressionNoTakeover

	// CompressionTakeover lets messages refer to those before them, which makes
	// small messages much smaller, and holds the two windows for as long as the
	// connection lives. The peer may still insist on no takeover.
	CompressionTakeover
)

// Compression is the configuration of permessage-deflate. Zero fields other
// than Mode take their defaults.
type Compression struct {
	// Mode switches it on.
	Mode CompressionMode

	// Level is how hard messages are compressed: 1, the default, is the
	// fastest, 9 the most thorough. Keep to 1 where strangers write the text that
	// is sent: they can make one MiB take level 6 a tenth of a second of processor
	// time, and level 9 a whole one, where level 1 takes a hundredth.
	Level int

	// Threshold is the size in bytes below which a message is sent plain, since
	// its header would cost more than compression saves. Default: 64 with
	// takeover, where earlier messages help, else 256. Negative: all are
	// compressed.
	Threshold int

	// ServerWindowBits and ClientWindowBits bound the windows of the two
	// directions, named by who compresses: 8 to 15, for 256 B to 32 KiB. A
	// connection holds both windows between messages where there is takeover:
	// with 15 that is 64 KiB for each connection, with the default of 12 it is 8
	// KiB. Without takeover the default is 15, as nothing is held.
	//
	// A server can bound a client's window only if the client lets it (RFC 7692
	// section 7.1.2.2). Chromium does. Firefox does not: it is told to compress
	// each message by itself, so that its window costs nothing between messages
	// either. With ClientWindowBits of 15 it keeps its takeover. Likewise a client
	// asks a server that can't bound its window, as some can't, to compress each
	// message by itself.
	ServerWindowBits, ClientWindowBits int

	// Fragment lets a compressed message that is longer than Config.FragmentSize
	// be split into frames, as a plain one is. By default it is one frame,
	// since Safari fails on compressed fragments; control frames then wait for
	// its end. NextWriter splits in either case.
	Fragment bool
}

const (
	defaultTakeoverBits      = 12
	defaultThresholdTakeover = 64
	defaultThreshold         = 256
)

// errMode is the mistake of a Compression.Mode that does not exist.
var errMode = errors.New("websocket: Compression.Mode must be CompressionOff, CompressionNoTakeover or CompressionTakeover")

// bits is the bound of a window as it is negotiated.
func (z *Compression) bits(configured int) int {
	if configured == 0 && z.Mode == CompressionTakeover {
		return defaultTakeoverBits
	}
	return configured
}

// policy is what a server wants; nil: no compression.
func (z *Compression) policy() (*handshake.DeflatePolicy, error) {
	switch {
	case z.Mode == CompressionOff:
		return nil, nil
	case z.Mode > CompressionTakeover:
		return nil, errMode
	}
	return &handshake.DeflatePolicy{
		ServerNoContextTakeover: z.Mode == CompressionNoTakeover,
		ClientNoContextTakeover: z.Mode == CompressionNoTakeover,
		ServerMaxWindowBits:     z.bits(z.ServerWindowBits),
		ClientMaxWindowBits:     z.bits(z.ClientWindowBits),
	}, nil
}

// offer is what a client offers; nil: no compression.
func (z *Compression) offer() (*handshake.DeflateOffer, error) {
	switch {
	case z.Mode == CompressionOff:
		return nil, nil
	case z.Mode > CompressionTakeover:
		return nil, errMode
	}
	server, client := z.bits(z.ServerWindowBits), z.bits(z.ClientWindowBits)
	if server == deflate.MaxWindowBits {
		server = 0 // no bound: a parameter that says so would only be refused by some
	}
	if client == 0 {
		client = deflate.MaxWindowBits // the server may bound it
	}
	return &handshake.DeflateOffer{
		ServerNoContextTakeover: z.Mode == CompressionNoTakeover,
		ClientNoContextTakeover: z.Mode == CompressionNoTakeover,
		ServerMaxWindowBits:     server,
		ClientMaxWindowBits:     client,
	}, nil
}

// threshold resolves Threshold for a sender that has takeover or not.
func (z *Compression) threshold(takeover bool) int {
	if takeover {
		return setting(z.Threshold, defaultThresholdTakeover, 0)
	}
	return setting(z.Threshold, defaultThreshold, 0)
}

// codec is the state of permessage-deflate on one connection.
type codec struct {
	agreed handshake.Deflate

	// The write half's, guarded by Conn.mu or held by the message with the turn.
	enc       deflate.Encoder
	threshold int

	// The read half's.
	dec  deflate.Decoder
	text frame.UTF8 // how far the inflated text is valid
	size int        // of the last message that was inflated: room for the next
}

// newCodec sets up what was agreed, for role's side of it; nil for nothing.
func newCodec(agreed *handshake.Deflate, role frame.Role, cfg *Config) *codec {
	if agreed == nil {
		return nil
	}
	z := &codec{agreed: *agreed}
	out, in := &z.enc, &z.dec
	serverBits, clientBits := uint8(agreed.ServerMaxWindowBits), uint8(agreed.ClientMaxWindowBits)
	if role == frame.Server {
		out.WindowBits, out.Takeover = serverBits, !agreed.ServerNoContextTakeover
		in.WindowBits, in.Takeover = clientBits, !agreed.ClientNoContextTakeover
	} else {
		out.WindowBits, out.Takeover = clientBits, !agreed.ClientNoContextTakeover
		in.WindowBits, in.Takeover = serverBits, !agreed.ServerNoContextTakeover
	}
	out.Level = uint8(max(0, min(cfg.Compression.Level, 9)))
	z.threshold = cfg.Compression.threshold(out.Takeover)
	if cfg.Compression.Mode == CompressionOff { // negotiated elsewhere, for New: taken, but not used
		z.threshold = maxInt
	}
	return z
}

// compresses reports whether a message of n bytes leaves compressed.
func (c *Conn) compresses(t MessageType, n int) bool {
	return c.z != nil && t&Uncompressed == 0 && n >= c.z.threshold
}

// remembers reports whether a compressed message, once it is encoded, is a part
// of the window that the next ones refer to.
func (c *Conn) remembers(t MessageType, n int) bool {
	return c.compresses(t, n) && c.z.enc.Takeover
}

// appendCompressed appends a compressed message in one frame. Call with c.mu
// held.
func (c *Conn) appendCompressed(dst []byte, t MessageType, p []byte) []byte {
	wire := c.z.enc.Append(getBuffer(len(p)), p, deflate.Last)
	dst = c.appendFrame(dst, frame.Header{Opcode: opcode(t), Fin: true, RSV: frame.RSV1}, wire)
	if tr := c.cfg.Trace; tr != nil {
		tr.sentMessage(c, MessageInfo{Type: t, Compressed: true, Size: int64(len(p)), Wire: int64(len(wire))})
	}
	putBuffer(wire)
	return dst
}

// part says where in its message a piece lies that ends it or not.
func part(ev frame.Event) deflate.Part {
	if ev.Fin {
		return deflate.Last
	}
	return deflate.More
}

// inflate takes a piece of a compressed message, checks its text as it comes,
// and reports whether the message is complete.
func (c *Conn) inflate(ev frame.Event) (complete bool, err error) {
	r, z := &c.rd, c.z
	if len(ev.Data) > 0 {
		r.reserveInflated(4*len(ev.Data), z.size)
	}
	had := len(r.msg)
	r.msg, err = z.dec.Append(r.msg, ev.Data, part(ev))
	if err != nil {
		return false, inflateError(err)
	}
	if !c.checkText(r.msg[had:], ev.Fin) {
		return false, frame.ErrInvalidUTF8
	}
	if ev.Fin {
		r.in.message = nil // where it is an empty one
		z.size = len(r.msg)
	}
	return ev.Fin, nil
}

// checkText checks the next bytes of an inflated message: "fin" where the last
// ones are among them.
func (c *Conn) checkText(p []byte, fin bool) bool {
	z := c.z
	return c.rd.typ != Text || z.text.Write(p) && (!fin || z.text.Done())
}

// wireLimit bounds the frames of a message of at most limit bytes: one that is
// compressed may be longer than its text, if that can't be compressed.
func (c *Conn) wireLimit(limit int64) int64 {
	const most = 1<<63 - 1
	if c.z == nil || limit <= 0 || limit > most/2 {
		return limit
	}
	return limit + limit/1024 + 1024
}

// reserveInflated makes room for n bytes, or for as many as the last message
// had, up to a bound that costs no more than the frame buffers do.
func (r *readHalf) reserveInflated(n, last int) {
	n = max(n, min(last, 1<<maxClass))
	if n -= cap(r.msg) - len(r.msg); n <= 0 || len(r.msg) > 0 {
		return
	}
	if r.pooled {
		r.msg = grow(r.msg, n+cap(r.msg)-len(r.msg))
	}
}

// inflateError is the rule that the codec's error says was broken.
func inflateError(err error) error {
	if err == deflate.ErrTooBig {
		return ErrMessageTooBig
	}
	return frame.ErrInvalidDeflate
}
