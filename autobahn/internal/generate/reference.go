// Package generate makes the cases of package corpus from both catalogues. Its reference model is a
// second reading of the RFCs, which decodes a whole input at once: the corpus shares no state
// machine with what it tests.
package generate

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/rfc6455/ws/autobahn/internal/engine"
)

// model is how far the reference is with an input.
type model struct {
	server  bool // the role
	lenient bool // where the RFC leaves it open, take what others refuse
	late    bool // look at a frame, and at text, when it is whole
	max     int
	deflate *engine.Deflation

	events []string
	frames []string // the input, frame by frame
	pongs  []string // the answers
	ended  bool
	codes  []int // of the failure; nil: none
	close  []byte
	closed bool

	inMessage, text, packed bool
	message                 []byte
	valid                   int // bytes of message that are known to be whole characters
}

// run decodes b. What is left of it, after the end or within a frame, is the last element of
// frames.
func (m *model) run(b []byte) {
	m.events = append(m.events, "open")
	for len(b) > 0 && !m.ended {
		n := m.frame(b)
		if n == 0 {
			break
		}
		m.frames = append(m.frames, hex.EncodeToString(b[:n]))
		b = b[n:]
	}
	if len(b) > 0 {
		m.frames = append(m.frames, hex.EncodeToString(b))
	}
	if !m.ended {
		m.events = append(m.events, "end")
	}
}

// note adds an event with its payload.
func (m *model) note(kind string, p []byte) {
	m.events = append(m.events, strings.TrimSpace(kind+" "+hex.EncodeToString(p)))
}

func (m *model) fail(codes ...int) int {
	m.ended, m.codes = true, codes
	m.events = append(m.events, "fail "+strings.Trim(fmt.Sprint(codes), "[]"))
	return 0
}

// frame decodes the frame at the start of b, and returns its length, or 0 if it is not whole or
// breaks a rule.
func (m *model) frame(b []byte) int {
	if m.late && !isWhole(b) {
		return 0
	}
	op, fin, rsv := b[0]&15, b[0]&0x80 != 0, b[0]>>4&7
	control := op >= 8
	switch { // what the first byte tells (section 5.2)
	case op > 2 && op < 8, op > 10:
		return m.fail(1002)
	case rsv&3 != 0, rsv == 4 && (m.deflate == nil || control || op == 0):
		return m.fail(1002)
	case control && !fin: // section 5.5
		return m.fail(1002)
	case op == 0 && !m.inMessage, !control && op > 0 && m.inMessage: // section 5.4
		return m.fail(1002)
	}
	if len(b) < 2 {
		return 0
	}
	masked, size, n := b[1]&0x80 != 0, uint64(b[1]&0x7f), 2
	switch {
	case masked != m.server: // section 5.1
		return m.fail(1002)
	case control && size > 125: // section 5.5
		return m.fail(1002)
	case size == 126 && len(b) < 4, size == 127 && len(b) < 10:
		return 0
	case size == 126:
		size, n = uint64(binary.BigEndian.Uint16(b[2:])), 4
	case size == 127:
		size, n = binary.BigEndian.Uint64(b[2:]), 10
	}
	if size>>63 != 0 {
		return m.fail(1002, 1009)
	}
	if !m.lenient && (n == 4 && size < 126 || n == 10 && size < 1<<16) {
		return m.fail(1002)
	}
	if !control && m.max > 0 && !(rsv == 4 || m.packed && op == 0) && size+uint64(len(m.message)) > uint64(m.max) {
		return m.fail(1009)
	}
	var key [4]byte
	if masked {
		if len(b) < n+4 {
			return 0
		}
		copy(key[:], b[n:])
		n += 4
	}
	whole := uint64(len(b)-n) >= size
	payload := make([]byte, min(uint64(len(b)-n), size))
	for i := range payload {
		payload[i] = b[n+i] ^ key[i%4]
	}
	switch {
	case control && !whole:
		return 0
	case control:
		m.control(op, payload)
	default:
		m.data(op, rsv == 4, payload, whole && fin)
		if !whole {
			return 0
		}
	}
	return n + len(payload)
}

// isWhole reports whether b begins with a whole frame, or with a header whose length no frame can
// have.
func isWhole(b []byte) bool {
	if len(b) < 2 {
		return false
	}
	size, n := uint64(b[1]&0x7f), 2
	switch {
	case size == 126 && len(b) < 4, size == 127 && len(b) < 10:
		return false
	case size == 126:
		size, n = uint64(binary.BigEndian.Uint16(b[2:])), 4
	case size == 127:
		size, n = binary.BigEndian.Uint64(b[2:]), 10
	}
	if b[1]&0x80 != 0 {
		n += 4
	}
	return size>>63 != 0 || len(b) >= n && uint64(len(b)-n) >= size
}

func (m *model) data(op byte, packed bool, p []byte, last bool) {
	if op > 0 {
		m.inMessage, m.text, m.packed, m.message, m.valid = true, op == 1, packed, nil, 0
	}
	m.message = append(m.message, p...)
	if m.packed && last && (len(m.message) > 0 || !m.lenient) { // no compressor makes a message of no bytes
		plain, _, err := m.deflate.Decompress(m.message, nil)
		if err != nil {
			m.fail(1007, 1002)
			return
		}
		if m.max > 0 && len(plain) > m.max {
			m.fail(1009)
			return
		}
		m.message = plain
	}
	if m.text && (!m.packed && !m.late || last) && !m.checkText(last) {
		m.fail(1007)
		return
	}
	if last {
		m.inMessage = false
		kind := "binary"
		if m.text {
			kind = "text"
		}
		m.note(kind, m.message)
	}
}

// checkText reports whether the message may still become UTF-8, or is, if it is whole (section
// 8.1).
func (m *model) checkText(whole bool) bool {
	for m.valid < len(m.message) {
		rest := m.message[m.valid:]
		r, n := utf8.DecodeRune(rest)
		if r == utf8.RuneError && n < 2 {
			return !whole && !utf8.FullRune(rest)
		}
		m.valid += n
	}
	return true
}

func (m *model) control(op byte, p []byte) {
	switch op {
	case 9:
		m.note("ping", p)
		m.pongs = append(m.pongs, frameOf(0x8a, p))
		return
	case 10:
		m.note("pong", p)
		return
	}
	code, reason := 1005, []byte(nil)
	switch {
	case len(p) == 1:
		m.fail(1002)
		return
	case len(p) > 1:
		code = int(binary.BigEndian.Uint16(p))
		legal := engine.LegalCode(code) || code >= 1012 && code <= 1014 || m.lenient && code >= 5000
		if !legal {
			m.fail(1002)
			return
		}
		if !utf8.Valid(p[2:]) {
			m.fail(1007, 1002)
			return
		}
		reason = p[2:]
	}
	m.ended, m.closed, m.close = true, true, p
	m.note(fmt.Sprint("close ", code), reason)
}

// out returns what may be sent.
func (m *model) out() [][]string {
	pongs := [][]string{m.pongs}
	if len(m.pongs) > 1 { // section 5.5.3
		pongs = append(pongs, m.pongs[len(m.pongs)-1:])
	}
	if (m.codes != nil || m.closed) && len(m.pongs) > 0 { // what ends the connection may come before the answer
		pongs = append(pongs, nil)
	}
	ends := []string{""}
	for _, code := range m.codes {
		ends = append(ends, frameOf(0x88, binary.BigEndian.AppendUint16(nil, uint16(code))))
	}
	if m.closed {
		ends = []string{frameOf(0x88, m.close[:min(2, len(m.close))])}
		if len(m.close) > 0 {
			ends = append(ends, frameOf(0x88, nil))
		}
		if normal := frameOf(0x88, []byte{3, 0xe8}); ends[0] != normal {
			ends = append(ends, normal)
		}
	}
	out := [][]string{}
	for _, p := range pongs {
		for _, end := range ends {
			frames := append([]string{}, p...)
			if end != "" {
				frames = append(frames, end)
			}
			out = append(out, frames)
		}
	}
	return out
}

func frameOf(first byte, p []byte) string {
	return hex.EncodeToString(append([]byte{first, byte(len(p))}, p...))
}
