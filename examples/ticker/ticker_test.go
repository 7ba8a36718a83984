package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/conntest"
)

// host is where a server may run, or not.
type host struct {
	mu   sync.Mutex
	dial func(ctx context.Context, network, addr string) (net.Conn, error)
	last net.Conn    // that was dialed
	when []time.Time // attempts
}

func (h *host) run(t *testing.T, m *market) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dial = conntest.NetDial(t, m.handler())
}

// kill cuts the connection; nobody is there any more.
func (h *host) kill() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dial = nil
	_ = h.last.Close()
}

func (h *host) netDial(ctx context.Context, network, addr string) (net.Conn, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.when = append(h.when, time.Now())
	if h.dial == nil {
		return nil, errors.New("connection refused")
	}
	nc, err := h.dial(ctx, network, addr)
	h.last = nc
	return nc, err
}

// diary is what a watcher has told.
type diary struct {
	lines []string
}

// watch starts a watcher, which ends with the test.
func watch(t *testing.T, h *host, symbols ...string) (d *diary, ended chan error) {
	d, ended = new(diary), make(chan error, 1)
	w := &watcher{
		dialer: ws.Dialer{NetDial: h.netDial, Proxy: ws.NoProxy},
		url:    "ws://ticker.invalid/", symbols: symbols,
		price: func(q quote) { d.lines = append(d.lines, fmt.Sprintf("%s %d", q.Symbol, q.Number)) },
		gap: func(symbol string, missed uint64) {
			d.lines = append(d.lines, fmt.Sprintf("%s gap %d", symbol, missed))
		},
		failed: func(err error) { d.lines = append(d.lines, "failed") },
	}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	go func() { ended <- w.run(ctx) }()
	synctest.Wait()
	return d, ended
}

// tells compares what the watcher has told since the last time. The order of symbols is the map's.
func (d *diary) tells(t *testing.T, why string, want ...string) {
	t.Helper()
	synctest.Wait()
	got := d.lines
	d.lines = nil
	slices.SortStableFunc(got, func(a, b string) int {
		a, _, _ = strings.Cut(a, " ")
		b, _, _ = strings.Cut(b, " ")
		return strings.Compare(a, b)
	})
	if !slices.Equal(got, want) {
		t.Errorf("%s: the watcher tells %q, want %q", why, got, want)
	}
}

// TestComesBack: a watcher whose connection is cut, or whose server is killed, comes back,
// subscribes to its symbols again, and tells what it has missed.
func TestComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, h := newMarket("GOLD", "SILVER", "TIN"), new(host)
		h.run(t, m)
		d, ended := watch(t, h, "GOLD", "TIN")
		d.tells(t, "at first", "GOLD 0", "TIN 0")
		m.trade(t.Context())
		d.tells(t, "prices", "GOLD 1", "TIN 1")
		m.trade(t.Context())
		d.tells(t, "more prices", "GOLD 2", "TIN 2")

		_ = h.last.Close() // the network is cut, and nothing changes meanwhile
		time.Sleep(6 * time.Second)
		d.tells(t, "nothing missed", "failed")
		m.trade(t.Context())
		d.tells(t, "goes on", "GOLD 3", "TIN 3")

		_ = h.last.Close()
		synctest.Wait()
		m.trade(t.Context())
		m.trade(t.Context())
		m.trade(t.Context())
		time.Sleep(11 * time.Second) // the second wait is longer: the connection did not last
		d.tells(t, "a gap", "GOLD gap 2", "GOLD 6", "TIN gap 2", "TIN 6", "failed")

		h.kill()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		failures := len(d.lines)
		if failures < 11 || failures > 30 {
			t.Errorf("%d failures in ten minutes, want about one in 30 to 60 seconds", failures)
		}
		d.lines = nil // no goroutine adds to it before a wait has passed
		h.run(t, newMarket("GOLD", "TIN"))
		time.Sleep(time.Minute)
		d.tells(t, "another server", "GOLD gap 0", "GOLD 0", "TIN gap 0", "TIN 0")
		select {
		case err := <-ended:
			t.Errorf("the watcher has given up: %v", err)
		default:
		}
	})
}

// TestWaits: no two waits are alike, and none is longer than a minute.
func TestWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := new(host)
		watch(t, h, "GOLD")
		time.Sleep(time.Hour)
		synctest.Wait()
		seen := make(map[time.Duration]bool)
		for i := 1; i < len(h.when); i++ {
			wait := h.when[i].Sub(h.when[i-1])
			if wait > time.Minute || seen[wait] {
				t.Errorf("the wait of attempt %d is %v, want one of its own, up to a minute", i, wait)
			}
			seen[wait] = true
		}
		if len(seen) < 60 {
			t.Errorf("%d attempts in an hour, want at least 60", len(seen))
		}
	})
}

// TestSlowWatcher: a client that reads slowly gets the latest price, and then notices the gap.
func TestSlowWatcher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMarket("GOLD")
		d := ws.Dialer{NetDial: conntest.NetDial(t, m.handler()), Proxy: ws.NoProxy}
		c, _, err := d.Dial(t.Context(), "ws://ticker.invalid/")
		if err != nil {
			t.Fatal(err)
		}
		defer c.CloseNow()
		if err := c.Write(t.Context(), ws.Text, []byte(`{"subscribe":"GOLD"}`)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		const trades = 10_000
		for range trades {
			m.trade(t.Context())
		}
		var missed, seen uint64
		w := watcher{
			price:  func(quote) { seen++ },
			gap:    func(_ string, n uint64) { missed += n },
			failed: func(err error) { t.Error(err) },
		}
		last := map[string]quote{}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := w.follow(ctx, c, last); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if got := last["GOLD"].Number; got != trades || missed == 0 || missed+seen != trades+1 {
			t.Errorf("the last price is number %d, %d were seen and %d missed, want some of each of %d",
				got, seen, missed, trades+1)
		}
	})
}

// TestUnknownSymbol: the connection goes on.
func TestUnknownSymbol(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, h := newMarket("GOLD"), new(host)
		h.run(t, m)
		d, _ := watch(t, h, "LEAD", "GOLD", "GOLD")
		d.tells(t, "two mistakes", "GOLD 0", "failed", "failed")
	})
}
