package conntest

import (
	"io"
	"log"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/rfc6455/ws/conn/internal/wstest"
)

// failures makes everything that package conn or net/http logs a failure of the test.
type failures struct{ logger *log.Logger }

// ErrorLog returns the logger. [conn.New] asks a transport for it.
func (f failures) ErrorLog() *log.Logger { return f.logger }

// failuresOf returns the failures of t.
func failuresOf(t testing.TB) failures {
	w := &failing{t: t}
	t.Cleanup(w.end)
	return failures{log.New(w, "", 0)}
}

// failing is what the logger writes to.
type failing struct {
	mu sync.Mutex
	t  testing.TB // nil once the test has ended
}

func (w *failing) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.t == nil {
		log.Print(string(p)) // too late to fail the test
	} else {
		w.t.Errorf("conntest: %s", p)
	}
	return len(p), nil
}

// end is called when the test's connections have been cut.
func (w *failing) end() {
	settle()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.t = nil
}

// settle waits for callbacks that are still running, if the test is in a synctest bubble. Outside a
// bubble there is no way to tell.
func settle() {
	defer func() { _ = recover() }() // synctest.Wait panics outside a bubble
	synctest.Wait()
}

// loggedConn is one end of an in-memory connection whose failures fail the test.
type loggedConn struct {
	*wstest.PipeConn
	failures
}

// loggedStream is loggedConn as a stream without deadlines, half closes and addresses.
type loggedStream struct {
	io.ReadWriteCloser
	failures
}
