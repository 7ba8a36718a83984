package conn

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
	"sync"
	"unsafe"
)

// readBuffer is what bytes are read into, and what is left of them. It is pooled
// and held only while there are bytes in it, so that its size costs memory per
// active connection, not per connection.
type readBuffer struct {
	unread  []byte // in room, but for a handshake that brought more than fits there
	message []byte // the message that was completed last, where it lay here in one piece
	room    [readBufferSize]byte
}

// readBufferSize is enough for a message of 16 KiB with its header, which then
// takes one system call and no copy. With the rest of a readBuffer and a word of
// the runtime's it fills a block of the heap, of 18 KiB.
const readBufferSize = 18<<10 - 56

var readBuffers = sync.Pool{New: func() any { return new(readBuffer) }}

// poison, set by tests alone, overwrites what goes back to the pools: whoever
// still uses it, or sends what it did not write, is found out.
var poison func([]byte)

// lent, set by tests alone, sees what leaves the pools: together with poison it
// tells what never comes back, and what comes back twice.
var lent func([]byte)

func getReadBuffer() *readBuffer {
	b := readBuffers.Get().(*readBuffer)
	if lent != nil {
		lent(b.room[:])
	}
	return b
}

// putReadBuffer takes back a buffer of getReadBuffer.
func putReadBuffer(b *readBuffer) {
	b.unread, b.message = nil, nil
	if poison != nil {
		poison(b.room[:])
	}
	readBuffers.Put(b)
}

// Buffers of sending and of assembling come in powers of two.
const (
	minClass = 9  // 512 B
	maxClass = 21 // 2 MiB: a message of 1 MiB, the default limit, has a header; larger ones are left to the garbage collector
)

// classes are the pools, by the logarithm of the capacity. A buffer's first byte
// stands for it there: a slice would have to be allocated, and a pool of headers
// for slices was an eighth of the cost of a small write.
var classes [maxClass + 1]sync.Pool // of *byte

// class is the smallest one that holds n bytes.
func class(n int) int {
	return max(minClass, bits.Len(uint(max(n, 1)-1)))
}

// getBuffer returns an empty slice with room for n bytes.
func getBuffer(n int) []byte {
	k := class(n)
	if k > maxClass {
		return make([]byte, 0, n)
	}
	var b []byte
	if p, _ := classes[k].Get().(*byte); p != nil {
		b = unsafe.Slice(p, 1<<k)[:0] // putBuffer has seen that many
	} else {
		b = make([]byte, 0, 1<<k)
	}
	if lent != nil {
		lent(b)
	}
	return b
}

// putBuffer takes back what getBuffer returned, also where append moved it.
func putBuffer(b []byte) {
	k := bits.Len(uint(cap(b))) - 1 // rounded down: the class that it can serve
	if k < minClass || k > maxClass {
		return
	}
	if poison != nil {
		poison(b[:cap(b)])
	}
	classes[k].Put(unsafe.SliceData(b))
}

// grow returns b with room for n bytes more, through the pool: what b held is
// copied and b goes back.
func grow(b []byte, n int) []byte {
	switch {
	case cap(b)-len(b) >= n:
		return b
	case b == nil:
		return getBuffer(n)
	}
	bigger := append(getBuffer(max(len(b)+n, 2*len(b))), b...)
	putBuffer(b)
	return bigger
}

// keyBatch is a run of masking keys not used yet. RFC 6455 section 10.3 wants
// each from a strong source of entropy; a read of crypto/rand for each would
// cost more than the masking.
type keyBatch struct {
	b    [512]byte
	next int
}

var keyBatches = sync.Pool{New: func() any { return &keyBatch{next: len(keyBatch{}.b)} }}

// maskingKey returns a fresh key. No key is handed out twice: a batch belongs
// to one goroutine at a time and only moves forward.
func maskingKey() uint32 {
	k := keyBatches.Get().(*keyBatch)
	if k.next == len(k.b) {
		_, _ = rand.Read(k.b[:]) // it does not fail (Go 1.24): it ends the program instead
		k.next = 0
	}
	key := binary.LittleEndian.Uint32(k.b[k.next:])
	k.next += 4
	keyBatches.Put(k)
	return key
}
