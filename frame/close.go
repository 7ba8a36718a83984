package frame

import (
	"encoding/binary"
	"strconv"
	"unicode/utf8"
)

// MaxReason is the greatest length of a close reason in bytes: that of a control frame's payload
// without the two bytes of the code (RFC 6455 sections 5.5 and 5.5.1).
const MaxReason = MaxControlPayload - 2

// CloseCode says why a connection is closed (RFC 6455 section 7.4). Applications choose from 4000
// to 4999. Libraries and frameworks register codes from 3000 to 3999.
type CloseCode uint16

// The close codes of RFC 6455 section 7.4.1 and of the IANA registry. NoStatus, Abnormal and
// TLSHandshake are for reports to the application and never stand in a frame.
const (
	NormalClosure      CloseCode = 1000 // the purpose of the connection is fulfilled
	GoingAway          CloseCode = 1001 // a server goes down, a page is left
	ProtocolError      CloseCode = 1002 // the peer broke a rule of the protocol
	UnsupportedData    CloseCode = 1003 // a type of message that this endpoint does not take
	NoStatus           CloseCode = 1005 // the Close frame had no code; never on the wire
	Abnormal           CloseCode = 1006 // there was no Close frame; never on the wire
	InvalidPayload     CloseCode = 1007 // payload that its type does not allow, such as text that is not UTF-8
	PolicyViolation    CloseCode = 1008 // a message against this endpoint's policy
	MessageTooBig      CloseCode = 1009 // a message too long to be processed
	MandatoryExtension CloseCode = 1010 // the server did not negotiate an extension that the client needs
	InternalError      CloseCode = 1011 // something unexpected in this endpoint
	ServiceRestart     CloseCode = 1012 // the service restarts
	TryAgainLater      CloseCode = 1013 // the service is overloaded
	BadGateway         CloseCode = 1014 // a gateway got an invalid answer from upstream
	TLSHandshake       CloseCode = 1015 // TLS failed; never on the wire
)

// closeNames holds the words for the codes from 1000 on; 1004 has none.
var closeNames = [...]string{
	"normal closure", "going away", "protocol error", "unsupported data", "", "no status", "abnormal closure",
	"invalid payload", "policy violation", "message too big", "mandatory extension", "internal error",
	"service restart", "try again later", "bad gateway", "TLS handshake",
}

// Valid reports whether c may stand in a Close frame: 1000 to 1003, 1007 to 1014 and 3000 to 4999
// (RFC 6455 section 7.4 and the IANA registry).
func (c CloseCode) Valid() bool {
	switch {
	case c < NormalClosure, c >= 5000:
		return false
	case c >= 3000:
		return true
	}
	return c <= UnsupportedData || c >= InvalidPayload && c <= BadGateway
}

// String returns the number and its meaning, such as "1002 protocol error". It returns the number
// alone if no meaning is registered.
func (c CloseCode) String() string {
	s := strconv.Itoa(int(c))
	i := int(c) - int(NormalClosure)
	if i < 0 || i >= len(closeNames) || closeNames[i] == "" {
		return s
	}
	return s + " " + closeNames[i]
}

// ParseClose reads the unmasked payload of a Close frame (RFC 6455 section 5.5.1). An empty payload
// gives NoStatus and no reason. reason aliases p.
//
// The errors are [ErrShortClose] for a payload of one byte, [ErrCloseCode] for a code that is not
// Valid, and [ErrCloseReason] for a reason that is not UTF-8. code and reason are zero then. p may
// be of any length: the limit of 125 bytes is a rule of the header.
func ParseClose(p []byte) (code CloseCode, reason []byte, err error) {
	switch len(p) {
	case 0:
		return NoStatus, nil, nil
	case 1:
		return 0, nil, ErrShortClose
	}
	code, reason = CloseCode(binary.BigEndian.Uint16(p)), p[2:]
	if !code.Valid() {
		return 0, nil, ErrCloseCode
	}
	if !utf8.Valid(reason) {
		return 0, nil, ErrCloseReason
	}
	return code, reason, nil
}

// AppendClose appends the payload of a Close frame, without its header, to dst and returns the
// extended slice. A code of 0 or NoStatus with an empty reason appends nothing, which makes a Close
// frame without a code.
//
// On an error, dst is returned unchanged. The errors are [ErrCloseCode] for a code that must not be
// sent or a reason without a code, [ErrReasonTooLong] for a reason of more than [MaxReason] bytes,
// and [ErrCloseReason] for a reason that is not UTF-8.
func AppendClose(dst []byte, code CloseCode, reason string) ([]byte, error) {
	if (code == 0 || code == NoStatus) && reason == "" {
		return dst, nil
	}
	switch {
	case !code.Valid():
		return dst, ErrCloseCode
	case len(reason) > MaxReason:
		return dst, ErrReasonTooLong
	case !utf8.ValidString(reason):
		return dst, ErrCloseReason
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(code))
	return append(dst, reason...), nil
}

// TruncateReason makes s fit for a Close frame: at most [MaxReason] bytes, cut between two code
// points, with U+FFFD in place of what is not UTF-8. It returns s itself if s is fit already.
func TruncateReason(s string) string {
	if len(s) <= MaxReason && utf8.ValidString(s) {
		return s
	}
	b := make([]byte, 0, MaxReason)
	for _, r := range s {
		if len(b)+utf8.RuneLen(r) > MaxReason {
			break
		}
		b = utf8.AppendRune(b, r)
	}
	return string(b)
}
