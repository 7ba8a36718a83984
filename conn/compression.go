package conn

// CompressionMode says whether permessage-deflate (RFC 7692) is negotiated.
type CompressionMode uint8

// The modes.
const (
	// CompressionOff neither offers nor accepts compression. It is the default:
	// compressing secrets together with text that an attacker can choose tells
	// the attacker about the secrets (RFC 7692 section 8; CRIME and BREACH).
	CompressionOff CompressionMode = iota
)

// Compression is the configuration of permessage-deflate.
type Compression struct {
	// Mode switches it on.
	Mode CompressionMode
}

// compressed reports whether permessage-deflate was agreed.
func (c *Conn) compressed() bool { return c.deflate != nil }

// compresses reports whether this message leaves compressed.
func (c *Conn) compresses(MessageType, []byte) bool { return false }
