package conn

import (
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/rfc6455/ws/conn/internal/pool"
)

// Every test of this package runs with poisoned pools: what comes from them
// holds poison, and no message and no frame may.
func init() {
	pool.Poison = func(b []byte) {
		if l := pools.Load(); l != nil {
			l.put(b)
		}
		b[0] = poisonByte
		for n := 1; n < len(b); n *= 2 { // by copies, which the race detector does not slow down
			copy(b[n:], b[:n])
		}
	}
	pool.Lent = func(b []byte) {
		if l := pools.Load(); l != nil {
			l.get(b)
		}
	}
}

// pools is the log of what leaves and enters the pools, while there is one.
var pools atomic.Pointer[PoolLog]

// PoolLog knows which buffers lie in a pool.
type PoolLog struct {
	mu    sync.Mutex
	lent  map[*byte]bool // true: lent; false: back
	twice int
	gc    int
}

// WatchPools begins a log. There is no garbage collection meanwhile: an address
// belongs to one buffer.
func WatchPools() *PoolLog {
	l := &PoolLog{lent: map[*byte]bool{}, gc: debug.SetGCPercent(-1)}
	pools.Store(l)
	return l
}

func (l *PoolLog) get(b []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lent[unsafe.SliceData(b)] = true
}

func (l *PoolLog) put(b []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if isLent, known := l.lent[unsafe.SliceData(b)]; known && !isLent {
		l.twice++
	}
	l.lent[unsafe.SliceData(b)] = false
}

// End ends the log and returns how many buffers came back twice: two owners
// would get them.
func (l *PoolLog) End() (twice int) {
	pools.Store(nil)
	debug.SetGCPercent(l.gc)
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.twice
}

// Held is how many bytes of buffers a connection holds.
func Held(c *Conn) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := cap(c.rd.msg) + c.box.Held()
	if c.rd.in != nil {
		n += pool.ReadSize
	}
	return n
}

// TestPoolLog: the log sees what it is for.
func TestPoolLog(t *testing.T) {
	l := WatchPools()
	a, b, c := pool.Get(100), pool.Get(5000), pool.GetRead()
	pool.Put(a)
	pool.PutRead(c)
	pool.Put(a)
	if twice := l.End(); twice != 1 {
		t.Errorf("%d came back twice, want 1", twice)
	}
	if x, y := pool.Get(100), pool.Get(100); &x[:1][0] == &y[:1][0] {
		_, _ = x, b // both are a's memory: they are not put back
	}
}
