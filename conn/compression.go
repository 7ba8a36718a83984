//go:build !js

package conn

import (
	"cmp"
	"errors"

	"github.com/rfc6455/ws/conn/internal/deflate"
	"github.com/rfc6455/ws/conn/internal/outbox"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// CompressionMode says whether and how permessage-deflate (RFC 7692) is negotiated.
type CompressionMode uint8

// The modes.
const (
	// CompressionOff neither offers nor accepts compression. It is the default, because compression
	// can leak. If secrets are compressed together with text that an attacker can choose, the sizes
	// tell the attacker about the secrets (RFC 7692 section 8; CRIME and BREACH).
	CompressionOff CompressionMode = iota

	// CompressionNoTakeover compresses each message by itself, and asks the peer to do the same.
	// Then nothing is held between messages. If the peer does not offer that, and browsers don't, a
	// window is held for the peer's messages, unless Compression.WindowPolicy says otherwise.
	CompressionNoTakeover

	// CompressionTakeover lets a message refer to the messages before it. That makes small messages
	// much smaller. It holds the two windows for as long as the connection lives. The peer may
	// still insist on no takeover.
	CompressionTakeover
)

var compressionModeNames = [...]string{"off", "no takeover", "takeover"}

// String returns the name of the mode, such as "no takeover".
func (m CompressionMode) String() string {
	if int(m) < len(compressionModeNames) {
		return compressionModeNames[m]
	}
	return "unknown"
}

// WindowPolicy says what happens if a peer keeps a larger window between its messages than
// [Compression] asks for. Such a client does not offer to bound its window. Such a server does not
// grant the bound that it was asked for. The values are described at [handshake.WindowPolicy].
type WindowPolicy = handshake.WindowPolicy

// The policies.
const (
	WindowAccept  = handshake.WindowAccept  // the default: accept the window that the peer has
	WindowDemand  = handshake.WindowDemand  // a server demands client_no_context_takeover unasked
	WindowDecline = handshake.WindowDecline // a server does without compression, a client fails the handshake
)

// Compression is the configuration of permessage-deflate (RFC 7692). Fields that are zero take
// their defaults. A zero Mode means no compression.
type Compression struct {
	// Mode switches compression on. Default: CompressionOff.
	Mode CompressionMode

	// Level is how hard messages are compressed. 1 is the fastest and 9 the most thorough. Default:
	// 1. Keep to 1 if strangers write the text that is sent. They can write one MiB on which level
	// 6 takes a tenth of a second of processor time, and level 9 a whole second. Level 1 takes a
	// hundredth of a second.
	Level int

	// Threshold is a size in bytes. A message below it is sent plain, since the cost of compression
	// would be more than it saves. Default: 64 with takeover, since earlier messages help there,
	// else 256. Negative: all messages are compressed.
	Threshold int

	// ServerWindowBits and ClientWindowBits bound the windows of the two directions. They are named
	// by who compresses. 8 to 15 bits stand for 256 B to 32 KiB. Use 9 at least if peers compress
	// with zlib, as most do. zlib has no window of 8 bits, so that such a peer declines them, or
	// sends what can't be read (1007). With takeover a connection holds between messages what has
	// passed, up to the size of both windows: 64 KiB with 15 bits, 8 KiB with 12. An idle one holds
	// that compressed if Config.KeepAlive is set, which makes it a third if it is JSON.
	//
	// For what this side sends, the default is 12 with takeover, even if the peer allows more.
	// Without takeover it is 15, since nothing is held.
	//
	// For what its clients send, a server's default is 12. It is 15 if WindowPolicy makes sure that
	// no window is held. A server can bound a client's window only if the client lets it (RFC 7692
	// section 7.1.2.2). Chromium does. Firefox does not, nor do many libraries. WindowPolicy says
	// what happens to them.
	//
	// By default a client asks for no bound of the server's window, since not all servers
	// understand that. Up to 32 KiB are held for a server that has no bound of its own. The client
	// asks if ServerWindowBits is below 15, or if WindowPolicy is not WindowAccept, for which the
	// default is 12. A second offer then asks a server that can't bound its window to compress each
	// message by itself. A few servers get two offers wrong.
	ServerWindowBits, ClientWindowBits int

	// WindowPolicy says what happens if the peer's window can't be bound as the window bits above
	// say. Default: WindowAccept. The window for the peer's messages then holds no more than has
	// come, and 32 KiB at the most. If a server for browsers alone has to hold less, it can use
	// WindowDemand.
	WindowPolicy WindowPolicy

	// Fragment lets a compressed message that is longer than Config.FragmentSize be split into
	// frames, as a plain one is. By default such a message is one frame, since Safari fails on
	// compressed fragments. Control frames then wait for the end of the message. [Conn.NextWriter]
	// splits in either case.
	Fragment bool
}

const (
	defaultTakeoverBits      = 12
	defaultThresholdTakeover = 64
	defaultThreshold         = 256
)

// The mistakes of a Compression with a value that does not exist.
var (
	errMode         = errors.New("websocket: Compression.Mode must be CompressionOff, CompressionNoTakeover or CompressionTakeover")
	errWindowPolicy = errors.New("websocket: Compression.WindowPolicy must be WindowAccept, WindowDemand or WindowDecline")
)

// holds reports whether a window may have to be held for the peer's messages.
func (z *Compression) holds() bool {
	return z.Mode == CompressionTakeover || z.WindowPolicy == WindowAccept
}

// check reports the first field whose value does not exist.
func (z *Compression) check() error {
	switch {
	case z.Mode > CompressionTakeover:
		return errMode
	case z.WindowPolicy > WindowDecline:
		return errWindowPolicy
	}
	return nil
}

// windowBits returns the bound of a window. held says whether the window is held between messages.
func windowBits(configured int, held bool) int {
	switch {
	case configured != 0:
		return configured
	case held:
		return defaultTakeoverBits
	}
	return deflate.MaxWindowBits
}

// policy returns what a server wants. It is nil for no compression.
func (z *Compression) policy() (*handshake.DeflatePolicy, error) {
	if err := z.check(); err != nil || z.Mode == CompressionOff {
		return nil, err
	}
	alone := z.Mode == CompressionNoTakeover
	return &handshake.DeflatePolicy{
		ServerNoContextTakeover: alone,
		ClientNoContextTakeover: alone,
		ServerMaxWindowBits:     windowBits(z.ServerWindowBits, !alone),
		ClientMaxWindowBits:     windowBits(z.ClientWindowBits, z.holds()),
		WindowPolicy:            z.WindowPolicy,
	}, nil
}

// offer returns what a client offers. It is nil for no compression. The default is the offer of
// Chromium, which all servers know.
func (z *Compression) offer() (*handshake.DeflateOffer, error) {
	if err := z.check(); err != nil || z.Mode == CompressionOff {
		return nil, err
	}
	alone := z.Mode == CompressionNoTakeover
	server := windowBits(z.ServerWindowBits, !alone && z.WindowPolicy != WindowAccept)
	if server == deflate.MaxWindowBits {
		server = 0 // no bound: some servers would refuse a parameter that says so
	}
	return &handshake.DeflateOffer{
		ServerNoContextTakeover: alone,
		ClientNoContextTakeover: alone,
		ServerMaxWindowBits:     server,
		ClientMaxWindowBits:     windowBits(z.ClientWindowBits, false), // the server may bound it
		WindowPolicy:            z.WindowPolicy,
	}, nil
}

// threshold resolves Threshold. takeover says whether the sender has takeover.
func (z *Compression) threshold(takeover bool) int {
	if takeover {
		return setting(z.Threshold, defaultThresholdTakeover, 0)
	}
	return setting(z.Threshold, defaultThreshold, 0)
}

// codec is the state of permessage-deflate on one connection.
type codec struct {
	agreed handshake.Deflate

	outbox.Zip // of sending

	// The read half's.
	dec  deflate.Decoder
	text frame.UTF8 // how far the inflated text is valid
	size int        // of the last message that was inflated: room for the next
}

// newCodec returns a codec for role's side of what was agreed. It is nil if agreed is nil.
func newCodec(agreed *handshake.Deflate, role frame.Role, cfg *Config) *codec {
	if agreed == nil {
		return nil
	}
	z := &codec{agreed: *agreed}
	out, in := &z.Encoder, &z.dec
	serverBits, clientBits := uint8(agreed.ServerMaxWindowBits), uint8(agreed.ClientMaxWindowBits)
	own := cfg.Compression.ServerWindowBits
	if role == frame.Server {
		out.WindowBits, out.Takeover = serverBits, !agreed.ServerNoContextTakeover
		in.WindowBits, in.Takeover = clientBits, !agreed.ClientNoContextTakeover
	} else {
		own = cfg.Compression.ClientWindowBits
		out.WindowBits, out.Takeover = clientBits, !agreed.ClientNoContextTakeover
		in.WindowBits, in.Takeover = serverBits, !agreed.ServerNoContextTakeover
	}
	if most := windowBits(own, out.Takeover); most >= deflate.MinWindowBits {
		out.WindowBits = min(cmp.Or(out.WindowBits, deflate.MaxWindowBits), uint8(min(most, deflate.MaxWindowBits)))
	}
	out.Level = uint8(max(0, min(cfg.Compression.Level, 9)))
	z.Threshold = cfg.Compression.threshold(out.Takeover)
	if cfg.Compression.Mode == CompressionOff { // negotiated elsewhere, for New: never used to send
		z.Threshold = maxInt
	}
	return z
}
