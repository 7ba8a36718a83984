package frame

// Error says which rule of the protocol was broken. There is one package-level value for each rule,
// so errors.Is or a plain comparison tells them apart. Values are immutable and safe for concurrent
// use.
type Error struct {
	code    CloseCode
	section string
	name    string
	text    string
}

// Error returns a sentence for the person who reads the log: what was wrong and what the sender
// should have done. The part after "websocket: " fits into the reason of a Close frame.
func (e *Error) Error() string {
	return "websocket: " + e.text
}

// Code returns the close code with which to fail a connection whose peer breaks this rule (RFC 6455
// sections 7.1.7 and 7.4.1). It is 0 for a rule that only this endpoint's own caller can break:
// nothing was sent then, and the connection is sound.
func (e *Error) Code() CloseCode {
	return e.code
}

// Section returns the number of the section of RFC 6455 that states the rule, such as "5.1".
func (e *Error) Section() string {
	return e.section
}

// Name returns a short and stable name of the rule, such as "mask-required", for logs and metrics.
func (e *Error) Name() string {
	return e.name
}

// The rules of a frame's header. The [Decoder] returns these errors for what a peer sent, the
// [Encoder] for what its caller asked it to send.
var (
	ErrMaskRequired = &Error{
		ProtocolError, "5.1", "mask-required",
		"unmasked frame from a client: a client must mask every frame that it sends",
	}
	ErrMaskForbidden = &Error{
		ProtocolError, "5.1", "mask-forbidden",
		"masked frame from a server: a server must not mask any frame",
	}
	ErrReservedBits = &Error{
		ProtocolError, "5.2", "reserved-bits",
		"reserved bit set: only RSV1 may be, on the first frame of a data message where compression was negotiated",
	}
	ErrReservedOpcode = &Error{
		ProtocolError, "5.2", "reserved-opcode",
		"reserved opcode: only 0 to 2 and 8 to 10 have a meaning",
	}
	ErrLengthNotMinimal = &Error{
		ProtocolError, "5.2", "length-not-minimal",
		"payload length not in its shortest form: use 7 bits up to 125, 16 bits up to 65535",
	}
	ErrLengthOverflow = &Error{
		ProtocolError, "5.2", "length-overflow",
		"payload length of 2^63 bytes or more: the most significant bit must be 0",
	}
	ErrControlTooLong = &Error{
		ProtocolError, "5.5", "control-too-long",
		"control frame with more than 125 bytes of payload: send less, or a data message",
	}
	ErrControlFragmented = &Error{
		ProtocolError, "5.5", "control-fragmented",
		"control frame without FIN: control frames must not be fragmented",
	}
	ErrUnexpectedContinuation = &Error{
		ProtocolError, "5.4", "unexpected-continuation",
		"continuation frame outside a message: begin a message with a text or binary frame",
	}
	ErrExpectedContinuation = &Error{
		ProtocolError, "5.4", "expected-continuation",
		"new message inside a fragmented one: finish it with continuation frames first",
	}
)

// The rules of payloads.
var (
	ErrShortClose = &Error{
		ProtocolError, "5.5.1", "short-close",
		"close frame with a payload of one byte: it must be empty or begin with a two-byte code",
	}
	ErrCloseCode = &Error{
		ProtocolError, "7.4", "close-code",
		"close code that must not be sent: use 1000 to 1003, 1007 to 1014 or 3000 to 4999",
	}
	ErrCloseReason = &Error{
		InvalidPayload, "5.5.1", "close-reason",
		"close reason is not valid UTF-8",
	}
	// ErrInvalidDeflate is for a caller of [Decoder] that inflates. Its close code is a convention,
	// since RFC 7692 names none.
	ErrInvalidDeflate = &Error{
		code: InvalidPayload, section: "7.1.7", name: "invalid-deflate",
		text: "compressed message is corrupt or cut short: send whole DEFLATE data within the agreed window (RFC 7692 section 7.2)",
	}
	ErrInvalidUTF8 = &Error{
		InvalidPayload, "8.1", "invalid-utf8",
		"text message is not valid UTF-8: send other bytes as a binary message",
	}
)

// The limits that this endpoint sets (RFC 6455 section 10.4).
var (
	ErrMessageTooBig = &Error{
		MessageTooBig, "10.4", "message-too-big",
		"message is longer than the limit: send less at a time, or raise the receiver's limit",
	}
	ErrTooManyFragments = &Error{
		PolicyViolation, "10.4", "too-many-fragments",
		"message has more fragments than the limit: send larger ones, or raise the receiver's limit",
	}
)

// The rules that only a caller can break. Their Code is 0.
var (
	ErrReasonTooLong = &Error{
		0, "5.5", "reason-too-long",
		"close reason is longer than 123 bytes: shorten it, as frame.TruncateReason does",
	}
	ErrCloseSent = &Error{
		0, "5.5.1", "close-sent",
		"no frame may be sent after a close frame",
	}
	errTakeTooLong = &Error{
		0, "5.2", "take-too-long",
		"Take was given more bytes than the current data frame has left: ask Remaining first",
	}
)
