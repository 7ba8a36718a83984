package hub

import (
	"fmt"
	"io"
	"runtime"
	"testing"

	ws "github.com/rfc6455/ws/conn"
)

// nowhere is a transport that takes everything and never has anything to read.
type nowhere struct{ io.ReadWriteCloser }

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) Close() error                { return nil }
func (nowhere) Read([]byte) (int, error)    { select {} }

// TestSubscriptionCost bounds what a subscription costs on the heap: the only one of its connection,
// and one of many.
func TestSubscriptionCost(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector changes sizes")
	}
	for _, each := range []int{1, 10} {
		const conns = 2000
		var h Hub
		all := make([]*ws.Conn, conns)
		for i := range all {
			all[i] = ws.New(nowhere{}, ws.RoleServer, ws.Negotiated{}, ws.Config{})
		}
		for n := range each { // the topics
			if _, err := h.Subscribe(bg, all[0], fmt.Sprint(n), Position{}); err != nil {
				t.Fatal(err)
			}
		}
		before := heap()
		for n := range each {
			for _, c := range all[1:] {
				if _, err := h.Subscribe(bg, c, fmt.Sprint(n), Position{}); err != nil {
					t.Fatal(err)
				}
			}
		}
		cost := float64(heap()-before) / float64((conns-1)*each)
		t.Logf("%d per connection: %.0f bytes per subscription", each, cost)
		if cost > 160 {
			t.Errorf("%d per connection: %.0f bytes per subscription, want at most 160", each, cost)
		}
		for _, c := range all {
			_ = c.CloseNow()
		}
	}
}

// heap returns the bytes of live objects.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
