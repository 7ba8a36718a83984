package conn

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/rfc6455/ws/frame"
)

// TestAfterClose: the functions run once, in the order of the calls, when Done is closed.
func TestAfterClose(t *testing.T) {
	bubbles(t, func(t *testing.T, role frame.Role) {
		c, peer := pipePeer(t, role, 1000, Config{})
		var mu sync.Mutex
		var got []string
		add := func(name string) {
			c.AfterClose(func(of *Conn) {
				mu.Lock()
				defer mu.Unlock()
				if of != c || !isClosed(c.Done()) || c.State() != StateClosed {
					t.Errorf("%s: called for %p in state %v before Done, want after the end of %p", name, of, of.State(), c)
				}
				got = append(got, name)
			})
		}
		add("first")
		add("second")
		add("third")
		synctest.Wait()
		if len(got) != 0 {
			t.Fatalf("%v called while the connection is open", got)
		}
		go peer.Close(CloseNormal, "")
		_, _, _ = c.Read(bg)
		<-c.Done()
		synctest.Wait()
		add("late")
		if want := []string{"first", "second", "third", "late"}; !slices.Equal(got, want) {
			t.Errorf("called %v, want %v", got, want)
		}
	})
}

// TestAfterCloseOnce: a function is called once, whatever comes first, its registration or the end.
func TestAfterCloseOnce(t *testing.T) {
	bubbles(t, func(t *testing.T, role frame.Role) {
		for range 200 {
			c, _ := pipePeer(t, role, 1000, Config{})
			var calls sync.WaitGroup
			calls.Add(2)
			go func() { _ = c.CloseNow() }()
			go c.AfterClose(func(*Conn) { calls.Done() })
			c.AfterClose(func(*Conn) { calls.Done() })
			calls.Wait()
			synctest.Wait()
		}
	})
}
