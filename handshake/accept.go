package handshake

import (
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
)

// guid is the constant that both sides append to the key (RFC 6455 section 1.3). SHA-1 has no
// security role here (section 10.8): the hash only shows that the server read this very request and
// speaks WebSocket.
const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// keyLength is the length of 16 bytes in base64: 22 characters and "==".
const keyLength = 24

// NewKey returns a fresh Sec-WebSocket-Key: 16 bytes from crypto/rand in base64 (RFC 6455 section
// 4.1, item 7). Every connection needs a key of its own. NewKey is safe for concurrent use.
func NewKey() string {
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // Never fails: crypto/rand ends the program instead.
	return base64.StdEncoding.EncodeToString(nonce[:])
}

// Accept returns the Sec-WebSocket-Accept value that answers key (RFC 6455 section 4.2.2, item
// 5.4). key is used as it was sent, but without the whitespace around it: Accept neither decodes
// nor checks it.
func Accept(key string) string {
	return string(AppendAccept(make([]byte, 0, 28), key))
}

// AppendAccept appends the 28 characters of [Accept] to dst and returns the extended slice. It
// allocates nothing else if key has the right length.
func AppendAccept(dst []byte, key string) []byte {
	var buf [keyLength + len(guid)]byte
	sum := sha1.Sum(append(append(buf[:0], key...), guid...))
	return base64.StdEncoding.AppendEncode(dst, sum[:])
}

// validKey reports whether key is 16 bytes in base64: 22 characters of the standard alphabet and
// two pads. The four spare bits of the last character may have any value, since they are set in the
// RFC's own first example (erratum 3150).
func validKey(key string) bool {
	if len(key) != keyLength || key[keyLength-2:] != "==" {
		return false
	}
	for i := range keyLength - 2 {
		if !base64Bytes[key[i]] {
			return false
		}
	}
	return true
}
