package conn

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/conn/internal/wstest"
)

var crowdPlot = flag.String("crowd-plot", "", "run TestReconnectCrowd with 10,000 clients, and write its plot to this SVG file")

// crowd has the clients of a server that restarts.
type crowd struct {
	mu      sync.Mutex
	servers []net.Conn
	down    bool
	back    []time.Duration // when each client came back, since the restart
}

func (c *crowd) dial(context.Context, string, string) (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down {
		return nil, syscall.ECONNREFUSED
	}
	a, b := wstest.Pipe(1 << 12)
	c.servers = append(c.servers, b)
	go func() { accept(nil)(b); silent(b) }()
	return a, nil
}

// restart cuts everything, and accepts again after a while.
func (c *crowd) restart(outage time.Duration) {
	c.mu.Lock()
	c.down = true
	servers := c.servers
	c.servers = nil
	c.mu.Unlock()
	for _, s := range servers {
		_ = s.Close()
	}
	time.Sleep(outage)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down = false
}

// client serves what Reconnect yields, and notes when its second connection is there.
func (c *crowd) client(ctx context.Context, d *Dialer, restarted *time.Time) {
	connections := 0
	for conn, err := range d.Reconnect(ctx, "ws://server/") {
		if err != nil {
			continue
		}
		if connections++; connections == 2 {
			c.mu.Lock()
			c.back = append(c.back, time.Since(*restarted))
			c.mu.Unlock()
		}
		_ = conn.Serve(ctx, nil)
	}
}

// comeBack returns when each of n clients is back after an outage.
func comeBack(t *testing.T, n int, outage time.Duration) (back []time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		var c crowd
		d := &Dialer{NetDial: c.dial, Proxy: NoProxy, Config: Config{CloseTimeout: time.Second}}
		ctx, cancel := context.WithCancel(bg)
		var restarted time.Time
		var all sync.WaitGroup
		for range n {
			all.Go(func() { c.client(ctx, d, &restarted) })
		}
		time.Sleep(time.Minute)
		restarted = time.Now()
		c.restart(outage)
		time.Sleep(5 * time.Minute)
		cancel()
		c.restart(0) // ends the servers' side
		all.Wait()
		back = c.back
	})
	return back
}

// TestReconnectCrowd: the clients of a server that restarts all come back, spread over the time that
// RFC 6455 section 7.2.3 asks for.
func TestReconnectCrowd(t *testing.T) {
	n := 1000
	if *crowdPlot != "" {
		n = 10_000
	}
	var plots []plot
	for _, outage := range []time.Duration{0, 8 * time.Second} {
		back := comeBack(t, n, outage)
		if len(back) != n {
			t.Errorf("outage of %v: %d of %d clients came back", outage, len(back), n)
		}
		p := plot{outage: outage}
		for _, at := range back {
			if i := int(at / time.Second); i < len(p.perSecond) {
				p.perSecond[i]++
			}
		}
		if most := slices.Max(p.perSecond[:]); most > n/4 {
			t.Errorf("outage of %v: %d of %d clients came back within one second, want at most a quarter: %v", outage, most, n, p.perSecond)
		}
		plots = append(plots, p)
		t.Logf("outage of %v: clients that came back in each second: %v", outage, p.perSecond)
	}
	if *crowdPlot != "" {
		check(os.WriteFile(*crowdPlot, []byte(draw(n, plots)), 0o644))
	}
}

// plot is how many clients came back in each second after a restart.
type plot struct {
	outage    time.Duration
	perSecond [30]int
}

// draw makes an SVG of plots, one below the other.
func draw(n int, plots []plot) string {
	const width, height, left, bar = 720, 190, 60, 21
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="13">`+"\n",
		width, height*len(plots)+20)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#fff"/>`+"\n")
	most := 0
	for _, p := range plots {
		most = max(most, slices.Max(p.perSecond[:]))
	}
	for i, p := range plots {
		bottom := height*(i+1) - 30
		fmt.Fprintf(&b, `<text x="%d" y="%d">%d clients, server away for %v: back in each second (at most %d)</text>`+"\n",
			left, height*i+22, n, p.outage, slices.Max(p.perSecond[:]))
		for s, count := range p.perSecond {
			h := (height - 65) * count / most
			x := left + s*bar
			fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" fill="#1466b8"><title>second %d: %d</title></rect>`+"\n",
				x, bottom-h, bar-3, h, s, count)
			if s%5 == 0 {
				fmt.Fprintf(&b, `<text x="%d" y="%d">%d s</text>`+"\n", x, bottom+17, s)
			}
		}
		fmt.Fprintf(&b, `<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="#555"/>`+"\n", left, bottom, width-20, bottom)
	}
	return b.String() + "</svg>\n"
}
