package autobahn

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/rfc6455/ws/frame"
)

// What the frame log keeps of each payload, and how many entries it holds.
const (
	logged     = 65
	maxEntries = 4000
)

// record is what a case leaves for its report, beside the verdict. The exported
// fields have the names of the Autobahn|Testsuite's reports, but for their first
// letter.
type record struct {
	ConnectionWasOpen              bool
	ClosedByMe                     bool
	FailedByMe                     bool
	DroppedByMe                    bool
	WasClean                       bool
	WasNotCleanReason              *string
	WasServerConnectionDropTimeout bool
	WasOpenHandshakeTimeout        bool
	WasCloseHandshakeTimeout       bool
	LocalCloseCode                 *int
	LocalCloseReason               *string
	RemoteCloseCode                *int
	RemoteCloseReason              *string
	HTTPRequest, HTTPResponse      string
	Traffic                        traffic
	Judged                         bool // Traffic is to be reported

	started, opened, ended time.Time

	rxOctets, txOctets map[int]int          // size of a read or write: count
	rxFrames, txFrames map[frame.Opcode]int // opcode: count
	deflate            bool                 // permessage-deflate was negotiated
	afterClose         int                  // frames that came after a Close frame
	tails              int                  // compressed messages with the end of their sync flush
	keys               []uint32             // of the first frames that came
	enabled            bool
	entries            []entry
}

// entry is one line of the frame log.
type entry struct {
	at  time.Duration // since the connection was open
	row []any         // as in the wirelog of the Autobahn|Testsuite's reports
}

// traffic counts what went over the connection while it was open.
type traffic struct {
	PreopenIncomingOctetsWireLevel int
	PreopenOutgoingOctetsWireLevel int
	IncomingOctetsWireLevel        int
	OutgoingOctetsWireLevel        int
	IncomingOctetsWebSocketLevel   int // payload of data frames, compressed
	OutgoingOctetsWebSocketLevel   int
	IncomingOctetsAppLevel         int // the same, not compressed
	OutgoingOctetsAppLevel         int
	IncomingWebSocketFrames        int
	OutgoingWebSocketFrames        int
	IncomingWebSocketMessages      int
	OutgoingWebSocketMessages      int
}

func (r *record) init() {
	r.started = time.Now()
	r.rxOctets, r.txOctets = make(map[int]int), make(map[int]int)
	r.rxFrames, r.txFrames = make(map[frame.Opcode]int), make(map[frame.Opcode]int)
	r.HTTPRequest, r.HTTPResponse = "?", "?"
	r.enabled = true
}

// text returns a pointer to s, for a field of a record that may be absent.
func text(s string) *string { return &s }

// log adds an entry to the frame log: its kind and what belongs to it.
func (r *record) log(kind string, rest ...any) {
	if len(r.entries) >= maxEntries {
		return
	}
	var at time.Duration
	if !r.opened.IsZero() {
		at = time.Since(r.opened)
	}
	r.entries = append(r.entries, entry{at, append([]any{kind}, rest...)})
}

// note adds words to the frame log.
func (r *record) note(format string, args ...any) {
	if r.enabled {
		r.log("XX", fmt.Sprintf(format, args...))
	}
}

// enable turns the frame log on or off.
func (r *record) enable(on bool) {
	if r.enabled != on {
		r.enabled = on
		r.log("WLM", on)
	}
}

func (r *record) gotOctets(b []byte) {
	r.rxOctets[len(b)]++
	if r.enabled {
		r.log("RO", []any{len(b), hexPreview(b)})
	}
}

func (r *record) sentOctets(b []byte, sync bool) {
	r.txOctets[len(b)]++
	if r.enabled {
		r.log("TO", []any{len(b), hexPreview(b)}, sync)
	}
}

func (r *record) gotFrame(h frame.Header, payload []byte) {
	if r.rxFrames[frame.Close] > 0 {
		r.afterClose++
	}
	r.rxFrames[h.Opcode]++
	if h.Masked && len(r.keys) < 200 {
		r.keys = append(r.keys, h.Key)
	}
	if r.enabled {
		r.log("RF", []any{h.Length, preview(payload)}, h.Opcode, h.Fin, h.RSV, h.Masked, keyText(h))
	}
}

func (r *record) sentFrame(h frame.Header, s send, payload []byte) {
	r.txFrames[h.Opcode]++
	if !r.enabled {
		return
	}
	length := len(payload)
	var repeat, chop any
	if s.length > 0 {
		length, repeat = len(s.payload), s.length
		payload = payload[:min(length, len(payload))]
	}
	if s.chop > 0 {
		chop = s.chop
	}
	r.log("TF", []any{length, preview(payload)}, h.Opcode, h.Fin, h.RSV, keyText(h), repeat, chop, s.sync)
}

// keyText returns a masking key as the four bytes on the wire, or nil.
func keyText(h frame.Header) any {
	if !h.Masked {
		return nil
	}
	return hex.EncodeToString(binary.LittleEndian.AppendUint32(nil, h.Key))
}

// hexPreview returns bytes as hexadecimal, cut after 64 of them.
func hexPreview(b []byte) string {
	if len(b) > 60 {
		return hex.EncodeToString(b[:min(len(b), 64)]) + " ..."
	}
	return hex.EncodeToString(b)
}

// preview returns bytes as text, cut after 64 of them, or as hexadecimal if that
// would not be UTF-8.
func preview(b []byte) string {
	cut, more := b, ""
	if len(b) > 60 {
		cut, more = b[:min(len(b), 64)], " ..."
	}
	if !utf8.Valid(cut) {
		return "0x" + hexPreview(b)
	}
	return string(cut) + more
}
