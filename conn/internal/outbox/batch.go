package outbox

import (
	"sync"

	"github.com/rfc6455/ws/conn/internal/pool"
	"github.com/rfc6455/ws/frame"
)

// Batch is a run of encoded frames that are written together. Batches are pooled. A connection with
// nothing to send has none.
type Batch struct {
	buf   []byte // frames: in room, or in a buffer of the pool
	vec   []byte // payload that follows buf, and that lies with the caller of the owner
	off   int    // how many bytes of buf and vec are out
	pongs int    // bytes of pongs in buf: see maxPongBytes

	own   span   // the frame of the goroutine that writes the batch
	taken *Entry // those who wait for the batch, in the order of asking

	ownerless bool // the wire is broken, and nobody writes the batch: see Outbox.dropBatch

	room [batchRoom]byte
}

// span is where the frame of the batch's owner lies. An empty one stands for no frame.
type span struct {
	start, end int
	before     frame.Encoder // to go back to, if the frame is taken back
	fixed      bool          // it can't be taken back: the encoder or the peer counts on it
}

// batchRoom makes a Batch 512 bytes. It has to be less than the smallest buffer of the pool, which
// therefore leaves room alone.
const batchRoom = pool.MinSize - 112

var batches = sync.Pool{New: func() any { return new(Batch) }}

// batchAt returns the batch at place. It makes one if there is none.
func batchAt(place **Batch) *Batch {
	if *place == nil {
		*place = newBatch()
	}
	return *place
}

func newBatch() *Batch {
	b := batches.Get().(*Batch)
	if pool.Lent != nil {
		pool.Lent(b.room[:])
	}
	b.buf = b.room[:0]
	return b
}

// putBatch gives a batch back to the pool.
func putBatch(b *Batch) {
	pool.Put(b.buf)
	b.buf, b.vec, b.off, b.pongs, b.own, b.taken, b.ownerless = nil, nil, 0, 0, span{}, nil, false
	if pool.Poison != nil {
		pool.Poison(b.room[:])
	}
	batches.Put(b)
}

// Bytes returns what the owner of the wire has to write: frames, then payload that lies elsewhere.
func (b *Batch) Bytes() (frames, payload []byte) {
	frames = b.buf[min(b.off, len(b.buf)):]
	return frames, b.vec[max(0, b.off-len(b.buf)):]
}

// Frames returns all that the owner of the wire has to write of a batch that nobody has begun to
// write; nil if payload that lies elsewhere follows.
func (b *Batch) Frames() []byte {
	if b.vec != nil {
		return nil
	}
	return b.buf
}

// The methods below take nil for an empty batch.

// size is how many bytes of frames it has, without vec.
func (b *Batch) size() int {
	if b == nil {
		return 0
	}
	return len(b.buf)
}

// rest is how many bytes are still to be written.
func (b *Batch) rest() int {
	if b == nil {
		return 0
	}
	return len(b.buf) + len(b.vec) - b.off
}

func (b *Batch) pongBytes() int {
	if b == nil {
		return 0
	}
	return b.pongs
}

// full reports whether nothing can be added, because payload that lies elsewhere follows.
func (b *Batch) full() bool { return b != nil && b.vec != nil }

// take adds e to those who wait for the batch.
func (b *Batch) take(e *Entry) {
	e.state = Taken
	place := &b.taken
	for *place != nil {
		place = &(*place).next
	}
	*place = e
}

// tellTaken tells those who wait for the batch that it is out, or that it failed with err.
func (b *Batch) tellTaken(err error) {
	for e := b.taken; e != nil; {
		next := e.next
		e.next = nil
		e.tell(Done, err)
		e = next
	}
	b.taken = nil
}

// ownRest is how many bytes of the owner's frame are still to be written.
func (b *Batch) ownRest() int { return max(0, b.own.end-max(b.own.start, b.off)) }

// takeBack cuts the owner's frame out of the batch, none of which is out.
func (b *Batch) takeBack() {
	if b.vec != nil {
		b.vec, b.own.end = nil, len(b.buf)
	}
	b.buf = append(b.buf[:b.own.start], b.buf[b.own.end:]...)
	b.own = span{}
}

// copyPayload copies what is left of the payload that lies elsewhere into the batch, since its owner
// will not wait for it.
func (b *Batch) copyPayload() {
	if b.vec == nil || b.rest() == 0 {
		return
	}
	frames, payload := b.Bytes()
	buf := append(pool.Get(len(frames)+len(payload)), frames...)
	buf = append(buf, payload...)
	pool.Put(b.buf)
	b.buf, b.vec, b.off, b.own = buf, nil, 0, span{fixed: true}
}
