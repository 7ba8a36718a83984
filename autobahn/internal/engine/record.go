package engine

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/rfc6455/ws/frame"
)

// How many bytes the frame log keeps of a payload, and how many entries it has at most.
const (
	logged     = 65
	maxEntries = 4000
)

// Record is what a tester has seen, for the report. The fields up to Traffic have the names
// that the Autobahn|Testsuite's reports use, but for their first letter.
type Record struct {
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
	Traffic                        Traffic
	Judged                         bool // the report has Traffic

	Started, Opened, ended time.Time // of the tester; of the connection, unless the time is zero

	RxOctets, TxOctets map[int]int          // how many reads and writes there were, by size
	RxFrames, TxFrames map[frame.Opcode]int // how many frames there were
	Deflate            bool                 // permessage-deflate was negotiated
	afterClose         int                  // frames that came after a Close frame
	Tails              int                  // compressed messages that came with the end of their sync flush
	Keys               []uint32             // the masking keys of the first frames that came
	Enabled            bool                 // the frame log is on
	Entries            []Entry              // the frame log
}

// Entry is one line of the frame log.
type Entry struct {
	At  time.Duration // since the connection was open
	Row []any         // the kind and what belongs to it, as in "wirelog" of the Autobahn|Testsuite's reports
}

// Traffic counts what went over the connection while it was open.
type Traffic struct {
	PreopenIncomingOctetsWireLevel int
	PreopenOutgoingOctetsWireLevel int
	IncomingOctetsWireLevel        int
	OutgoingOctetsWireLevel        int
	IncomingOctetsWebSocketLevel   int // the payload of data frames, as it is on the wire
	OutgoingOctetsWebSocketLevel   int
	IncomingOctetsAppLevel         int // the same, inflated
	OutgoingOctetsAppLevel         int
	IncomingWebSocketFrames        int
	OutgoingWebSocketFrames        int
	IncomingWebSocketMessages      int
	OutgoingWebSocketMessages      int
}

// Init makes an empty record, which begins now, with the frame log on.
func (r *Record) Init() {
	r.Started = time.Now()
	r.RxOctets, r.TxOctets = make(map[int]int), make(map[int]int)
	r.RxFrames, r.TxFrames = make(map[frame.Opcode]int), make(map[frame.Opcode]int)
	r.HTTPRequest, r.HTTPResponse = "?", "?"
	r.Enabled = true
}

// Duration returns how long the connection was open; zero: it never was.
func (r *Record) Duration() time.Duration {
	if r.Opened.IsZero() || r.ended.IsZero() {
		return 0
	}
	return r.ended.Sub(r.Opened)
}

// log adds an entry to the frame log: its kind and what belongs to it.
func (r *Record) log(kind string, rest ...any) {
	if len(r.Entries) >= maxEntries {
		return
	}
	var at time.Duration
	if !r.Opened.IsZero() {
		at = time.Since(r.Opened)
	}
	r.Entries = append(r.Entries, Entry{at, append([]any{kind}, rest...)})
}

// Note adds words to the frame log.
func (r *Record) Note(format string, args ...any) {
	if r.Enabled {
		r.log("XX", fmt.Sprintf(format, args...))
	}
}

// Enable turns the frame log on or off, and says so in it.
func (r *Record) Enable(on bool) {
	if r.Enabled != on {
		r.Enabled = on
		r.log("WLM", on)
	}
}

// GotOctets notes what one read has brought.
func (r *Record) GotOctets(b []byte) {
	r.RxOctets[len(b)]++
	if r.Enabled {
		r.log("RO", []any{len(b), hexPreview(b)})
	}
}

// SentOctets notes one write. Sync is true if nothing else may go out with it.
func (r *Record) SentOctets(b []byte, sync bool) {
	r.TxOctets[len(b)]++
	if r.Enabled {
		r.log("TO", []any{len(b), hexPreview(b)}, sync)
	}
}

// GotFrame notes a frame that has come, with its payload or the start of it.
func (r *Record) GotFrame(h frame.Header, payload []byte) {
	if r.RxFrames[frame.Close] > 0 {
		r.afterClose++
	}
	r.RxFrames[h.Opcode]++
	if h.Masked && len(r.Keys) < 200 {
		r.Keys = append(r.Keys, h.Key)
	}
	if r.Enabled {
		r.log("RF", []any{h.Length, Preview(payload)}, h.Opcode, h.Fin, h.RSV, h.Masked, keyText(h))
	}
}

// SentFrame notes a frame that goes out; s is what the case says of it.
func (r *Record) SentFrame(h frame.Header, s Send, payload []byte) {
	r.TxFrames[h.Opcode]++
	if !r.Enabled {
		return
	}
	length := len(payload)
	var repeat, chop any
	if s.Length > 0 {
		length, repeat = len(s.Payload), s.Length
		payload = payload[:min(length, len(payload))]
	}
	if s.Chop > 0 {
		chop = s.Chop
	}
	r.log("TF", []any{length, Preview(payload)}, h.Opcode, h.Fin, h.RSV, keyText(h), repeat, chop, s.Sync)
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

// Preview returns bytes as text, or as hexadecimal if that would not be UTF-8, cut after 64
// bytes.
func Preview(b []byte) string {
	cut, more := b, ""
	if len(b) > 60 {
		cut, more = b[:min(len(b), 64)], " ..."
	}
	if !utf8.Valid(cut) {
		return "0x" + hexPreview(b)
	}
	return string(cut) + more
}
