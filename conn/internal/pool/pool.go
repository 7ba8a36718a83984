// Package pool lends the memory of messages that are being read or sent, so that an idle connection
// holds none of it. Everything here may be called concurrently.
package pool

import (
	"math/bits"
	"strings"
	"sync"
	"unsafe"
)

// ReadBuffer is what bytes of the peer are read into, and what is left of them. A connection holds
// one only while there are bytes in it: its size costs memory for each active connection, not for
// each connection.
type ReadBuffer struct {
	Unread  []byte // in Room, unless a handshake brought more than fits there
	Message []byte // the message that was completed last, if it lay here in one piece
	Behind  int    // so many bytes waited in the socket behind those in Room, if Room was full
	Turn    Turn   // of Serve on a socket, which holds the buffer until it waits
	Room    [ReadSize]byte
}

// ReadSize is enough for a message of 16 KiB with its header. Such a message takes one system call
// and no copy. With the rest of a ReadBuffer and a word of the runtime's it fills a block of the
// heap, of 18 KiB.
const ReadSize = 18<<10 - 80

var readBuffers = sync.Pool{New: func() any { return new(ReadBuffer) }}

// Hooks for tests, which set them before anything is lent. Poison overwrites what goes back to the
// pools: whoever still uses it, or sends what it did not write, is found out. Lent sees what leaves
// the pools. Together they tell what never comes back, and what comes back twice.
var (
	Poison func([]byte)
	Lent   func([]byte)
)

// GetRead returns an empty read buffer.
func GetRead() *ReadBuffer {
	b := readBuffers.Get().(*ReadBuffer)
	if Lent != nil {
		Lent(b.Room[:])
	}
	return b
}

// PutRead takes back a buffer of [GetRead].
func PutRead(b *ReadBuffer) {
	b.Unread, b.Message, b.Behind, b.Turn = nil, nil, 0, Turn{}
	if Poison != nil {
		Poison(b.Room[:])
	}
	readBuffers.Put(b)
}

// The other buffers come in powers of two, from MinSize to MaxSize. A message of 1 MiB, the default
// limit, has a header and so needs 2 MiB. Larger ones are left to the garbage collector.
const (
	minClass = 9
	maxClass = 21

	MinSize = 1 << minClass
	MaxSize = 1 << maxClass
)

// classes are the pools, by the logarithm of the capacity. A buffer's first byte stands for the
// buffer there: a slice would have to be allocated, and a pool of headers for slices was an eighth
// of the cost of a small write.
var classes [maxClass + 1]sync.Pool // of *byte

// class is the smallest one that holds n bytes.
func class(n int) int {
	return max(minClass, bits.Len(uint(max(n, 1)-1)))
}

// Get returns an empty slice with room for n bytes.
func Get(n int) []byte {
	k := class(n)
	if k > maxClass {
		return make([]byte, 0, n)
	}
	var b []byte
	if p, _ := classes[k].Get().(*byte); p != nil {
		b = unsafe.Slice(p, 1<<k)[:0] // Put has seen that many
	} else {
		b = uncleared(1 << k)
	}
	if Lent != nil {
		Lent(b)
	}
	return b
}

// uncleared returns an empty slice with room for n bytes, n > 0, which hold anything, as those of a
// buffer that was used before do. make would clear them, which took a seventh of the time that an
// echo of 1 MiB takes. Nobody has the string, so nobody sees its bytes change.
func uncleared(n int) []byte {
	var b strings.Builder
	b.Grow(n)
	b.WriteByte(0) // an empty string has no address
	return unsafe.Slice(unsafe.StringData(b.String()), n)[:0]
}

// Put takes back what [Get] returned, even if append has moved it since. Smaller slices than
// MinSize, and larger ones than MaxSize, are left alone.
func Put(b []byte) {
	k := bits.Len(uint(cap(b))) - 1 // rounded down: the class that it can serve
	if k < minClass || k > maxClass {
		return
	}
	if Poison != nil {
		Poison(b[:cap(b)])
	}
	classes[k].Put(unsafe.SliceData(b))
}

// Grow returns b with room for n bytes more. If b has to move, what it held is copied and b goes
// back to the pool.
func Grow(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b
	}
	return grow(b, n)
}

// grow is a function of its own so that Grow is inlined.
func grow(b []byte, n int) []byte {
	if b == nil {
		return Get(n)
	}
	bigger := append(Get(max(len(b)+n, 2*len(b))), b...)
	Put(b)
	return bigger
}
