package loop

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Loop is a set of pollers. The zero value is ready. It has nothing while it has no sockets: a
// poller's descriptor and goroutine come with its first socket and go with its last. A Loop may be
// used concurrently.
type Loop struct {
	once    sync.Once
	pollers []poller
	next    atomic.Uint32
}

// Every is the Loop of all connections that have none. It is for tests, which set it before there
// are connections.
var Every *Loop

// poller returns the poller of the next socket. Each has as many as the others.
func (l *Loop) poller() *poller {
	l.once.Do(func() { l.pollers = make([]poller, runtime.GOMAXPROCS(0)) })
	return &l.pollers[l.next.Add(1)%uint32(len(l.pollers))]
}

// Verdict is what a Reader's call has come to.
type Verdict uint8

// The verdicts.
const (
	Wait  Verdict = iota // call again when there may be something to read
	Again                // call again soon: the socket has more, and others shall have a turn
	Over                 // do not call again
)

// Reader is who reads a socket. The poller calls it.
type Reader interface {
	// Readable is called when there may be something to read from fd. It may use fd until it
	// returns, and may block. If hup is true, the peer has ended its direction or the connection is
	// broken, so that the end of the stream has to be read. Else a read that gets less than it has
	// asked for has emptied the socket: what comes later brings another call.
	Readable(fd uintptr, hup bool) Verdict

	// Closed is called instead if the socket was closed meanwhile. No call follows.
	Closed()
}

// Writer is who has more to write than a socket took. The poller calls it.
type Writer interface {
	// Writable is called when fd may take more. It must not block. It may use fd until it returns.
	// It reports whether it is done. If not, it is called again when fd takes more.
	Writable(fd uintptr) (done bool)

	// Closed is called instead if the socket was closed meanwhile. No call follows.
	Closed()
}
