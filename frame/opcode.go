package frame

import "strconv"

// Role says which end of the connection this endpoint is, and so who masks: a client masks every
// frame that it sends, a server masks none (RFC 6455 section 5.1). The zero value is Server.
type Role uint8

// The two ends of a connection.
const (
	Server Role = iota
	Client
)

// Peer returns the role of the other end: Client for Server, and Server for Client.
func (r Role) Peer() Role {
	if r == Server {
		return Client
	}
	return Server
}

// String returns "server" or "client".
func (r Role) String() string {
	if r == Server {
		return "server"
	}
	return "client"
}

// Opcode tells how the payload of a frame is to be read (RFC 6455 section 5.2). It has four bits on
// the wire. Greater values are reserved, as are those that the RFC leaves undefined.
type Opcode uint8

// The opcodes that RFC 6455 section 5.2 defines.
const (
	Continuation Opcode = 0x0 // more of the message that an earlier frame began
	Text         Opcode = 0x1 // begins a message of UTF-8 text
	Binary       Opcode = 0x2 // begins a message of arbitrary bytes
	Close        Opcode = 0x8 // begins or answers the closing handshake, section 5.5.1
	Ping         Opcode = 0x9 // asks for a Pong with the same payload, section 5.5.2
	Pong         Opcode = 0xA // answers a Ping, section 5.5.3
)

// The reserved bits of [Header].RSV. The first one on the wire is the most significant of the
// three.
const (
	RSV1 = 4 // the message is compressed, if permessage-deflate was negotiated (RFC 7692 section 6)
	RSV2 = 2 // no meaning known to this package
	RSV3 = 1 // no meaning known to this package
)

// IsControl reports whether o is a control opcode, known or reserved: one with the most significant
// of its four bits set (RFC 6455 section 5.5).
func (o Opcode) IsControl() bool {
	return o&^7 == 8
}

// IsReserved reports whether RFC 6455 section 5.2 leaves o without a meaning: 3 to 7, 11 to 15, and
// every value that does not fit into four bits.
func (o Opcode) IsReserved() bool {
	return o > Pong || o > Binary && o < Close
}

// String returns the name of the opcode, such as "text", or "opcode 3" for a reserved one.
func (o Opcode) String() string {
	switch o {
	case Continuation:
		return "continuation"
	case Text:
		return "text"
	case Binary:
		return "binary"
	case Close:
		return "close"
	case Ping:
		return "ping"
	case Pong:
		return "pong"
	}
	return "opcode " + strconv.Itoa(int(o))
}
