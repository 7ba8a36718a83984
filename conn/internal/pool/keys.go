package pool

import (
	"crypto/rand"
	"encoding/binary"
	"sync"
)

// keyBatch is a run of masking keys that are not used yet. RFC 6455 section 10.3 wants each from a
// strong source of entropy; a read of crypto/rand for each would cost more than the masking.
type keyBatch struct {
	b    [512]byte
	next int
}

var keyBatches = sync.Pool{New: func() any { return &keyBatch{next: len(keyBatch{}.b)} }}

// MaskingKey returns a fresh masking key (RFC 6455 section 5.3). No key is handed out twice: a
// batch belongs to one goroutine at a time and only moves forward.
func MaskingKey() uint32 {
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
