package websocket

import (
	"sync"
	"testing"
	"unsafe"

	"github.com/rfc6455/ws/conn/internal/pool"
)

// Every test of this package runs with poisoned pools: what comes from them holds poison, and no
// message and no frame may. What goes back twice is found out.
func init() {
	lent := map[*byte]bool{} // true: lent; false: back
	var mu sync.Mutex
	pool.Poison = func(b []byte) {
		b = b[:cap(b)]
		mu.Lock()
		defer mu.Unlock()
		if out, known := lent[unsafe.SliceData(b)]; known && !out {
			panic("a buffer goes back to its pool twice")
		}
		lent[unsafe.SliceData(b)] = false
		b[0] = 0xaa
		for n := 1; n < len(b); n *= 2 {
			copy(b[n:], b[:n])
		}
	}
	pool.Lent = func(b []byte) {
		mu.Lock()
		defer mu.Unlock()
		lent[unsafe.SliceData(b)] = true
	}
}

// TestPoison: the hooks are in use.
func TestPoison(t *testing.T) {
	b := pool.Get(100)
	pool.Put(b)
	if b[:1][0] != 0xaa {
		t.Error("a buffer in the pool is not poisoned")
	}
}
