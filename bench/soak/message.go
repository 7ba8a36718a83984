//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
)

// A message consists of the number of its connection and its own number, four bytes each, then
// text, and then the checksum of all of that.
const (
	stampSize   = 8
	messageMin  = stampSize + 4
	messageMax  = 64 << 10
	messageMost = 4 << 10 // all but a few messages are smaller
)

// filler is the text in messages. The place at which it begins differs from one message to the
// next.
var filler = func() []byte {
	words := []string{"order ", "price ", "update ", "account ", "message ", "client ", "session ", "pending "}
	r := rand.New(rand.NewPCG(6, 4))
	var b []byte
	for len(b) < 2*messageMax {
		b = append(b, words[r.IntN(len(words))]...)
	}
	return b
}()

// messageSize returns a random size, mostly a small one.
func messageSize(r *rand.Rand) int {
	if r.IntN(100) == 0 {
		return messageMin + r.IntN(messageMax-messageMin+1)
	}
	return messageMin + r.IntN(messageMost>>r.IntN(8))
}

// appendMessage appends message seq of connection id, size bytes long, to dst.
func appendMessage(dst []byte, id, seq uint32, size int) []byte {
	start := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, id)
	dst = binary.BigEndian.AppendUint32(dst, seq)
	at := int((id + seq*7919) % messageMax)
	dst = append(dst, filler[at:at+size-messageMin]...)
	return binary.BigEndian.AppendUint32(dst, crc32.ChecksumIEEE(dst[start:]))
}

var errChecksum = errors.New("a message came changed: its checksum is wrong")

// counter says how far one direction of a connection has come.
type counter struct {
	id    uint32
	known bool // id is known
	count uint32
}

// take checks the next message.
func (n *counter) take(p []byte) error {
	end := len(p) - 4
	if end < stampSize || binary.BigEndian.Uint32(p[end:]) != crc32.ChecksumIEEE(p[:end]) {
		return errChecksum
	}
	id, seq := binary.BigEndian.Uint32(p), binary.BigEndian.Uint32(p[4:])
	if !n.known {
		n.id, n.known = id, true
	}
	if id != n.id || seq != n.count {
		return fmt.Errorf("message %d of connection %d came on connection %d after %d messages", seq, id, n.id, n.count)
	}
	n.count++
	return nil
}
