package conn

import (
	"io"
	"net"
	"sync"
)

// batch is encoded frames that are written together: those in writeHalf.out, and
// those that the owner of the wire writes. It is pooled, and a connection with
// nothing to send has none.
type batch struct {
	buf   []byte // frames: in room, or in a buffer of the pools
	vec   []byte // payload that follows buf: the owner's caller's, not copied
	off   int    // how many bytes of buf and vec are out
	pongs int    // bytes of pongs in buf: see maxPongBytes

	parts [2][]byte   // what a gathering write is given,
	bufs  net.Buffers // which escapes

	room [batchRoom]byte
}

// batchRoom makes a batch 512 bytes. It has to be less than the smallest buffer
// of the pools, so that putBuffer leaves it alone.
const batchRoom = 1<<minClass - 136

var batches = sync.Pool{New: func() any { return new(batch) }}

// made returns the batch at place, which it makes where there is none.
func made(place **batch) *batch {
	if *place == nil {
		b := batches.Get().(*batch)
		if lent != nil {
			lent(b.room[:])
		}
		b.buf = b.room[:0]
		*place = b
	}
	return *place
}

// putBatch gives a batch back to the pool.
func putBatch(b *batch) {
	putBuffer(b.buf)
	b.buf, b.vec, b.off, b.pongs = nil, nil, 0, 0
	if poison != nil {
		poison(b.room[:])
	}
	batches.Put(b)
}

// What follows takes nil for an empty batch.

// size is how many bytes of frames it has, but for vec.
func (b *batch) size() int {
	if b == nil {
		return 0
	}
	return len(b.buf)
}

// rest is how many bytes are still to be written.
func (b *batch) rest() int {
	if b == nil {
		return 0
	}
	return len(b.buf) + len(b.vec) - b.off
}

func (b *batch) pongBytes() int {
	if b == nil {
		return 0
	}
	return b.pongs
}

// vectored reports whether payload follows the frames, so that nothing can be
// added.
func (b *batch) vectored() bool { return b != nil && b.vec != nil }

// writeVec writes p and vec in one system call where both fit.
func (b *batch) writeVec(w io.Writer, p []byte) (int, error) {
	b.parts = [2][]byte{p, b.vec}
	b.bufs = b.parts[:]
	n, err := b.bufs.WriteTo(w)
	b.parts, b.bufs = [2][]byte{}, nil
	return int(n), err
}
