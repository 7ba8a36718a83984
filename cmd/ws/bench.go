package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/guptarohit/asciigraph"
	"github.com/mattn/go-isatty"
	ws "github.com/rfc6455/ws/conn"
)

// benchCmd is ws bench.
type benchCmd struct {
	dialFlags
	URL         string        `arg:"" help:"An echo server."`
	Connections int           `short:"c" default:"10" help:"How many connections there are."`
	Time        time.Duration `short:"t" default:"10s" help:"How long to measure."`
	Size        int           `short:"s" default:"128" help:"The length of a message in bytes."`
	Rate        float64       `short:"r" help:"Messages per second, all connections together. Default: each connection sends when its echo has come."`
	JSON        bool          `name:"json" help:"Print the result as JSON."`
}

// result is what was measured.
type result struct {
	Connections int     `json:"connections"`
	Seconds     float64 `json:"seconds"`
	Messages    int     `json:"messages"`
	Rate        float64 `json:"messagesPerSecond"`
	Size        int     `json:"size"`
	ConnectP50  float64 `json:"connectMillisecondsP50"`
	Percentiles struct {
		P50  float64 `json:"p50"`
		P90  float64 `json:"p90"`
		P99  float64 `json:"p99"`
		P999 float64 `json:"p999"`
		Max  float64 `json:"max"`
	} `json:"latencyMilliseconds"`
	Errors map[string]int `json:"errors,omitempty"`

	perTick []float64
}

// Run measures.
func (c *benchCmd) Run(a *app) error {
	switch {
	case c.Connections < 1 || c.Connections > 1<<20:
		return errors.New("--connections: 1 at least")
	case c.Size < 0 || int64(c.Size) > c.MaxMessage:
		return errors.New("--size: from 0 to --max-message")
	case c.Rate < 0:
		return errors.New("--rate: more than 0")
	}
	d, err := c.dialer(nil)
	if err != nil {
		return err
	}
	defer d.close()
	conns, connects, err := c.connect(a, d)
	defer func() {
		for _, conn := range conns {
			_ = conn.CloseNow()
		}
	}()
	if err != nil {
		return err
	}
	r := c.measure(a, conns)
	r.ConnectP50 = milliseconds(percentile(connects, 0.5))
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(r)
	}
	r.print(a.stdout)
	if r.Messages == 0 {
		return errors.New("no echo came: does the server send each message back?")
	}
	return nil
}

// connect opens the connections, a few at once.
func (c *benchCmd) connect(a *app, d *dialer) (conns []*ws.Conn, took []time.Duration, err error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	slots := make(chan struct{}, 16)
	for range c.Connections {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			mu.Lock()
			failed := err != nil
			mu.Unlock()
			if failed {
				return
			}
			began := time.Now()
			conn, e := d.dial(a.ctx, c.URL)
			mu.Lock()
			defer mu.Unlock()
			if e != nil {
				err = e
				return
			}
			conns, took = append(conns, conn), append(took, time.Since(began))
		})
	}
	wg.Wait()
	return conns, took, err
}

// ticks is how many points the plot has.
const ticks = 60

// measure exchanges messages until the time is over, or until all connections have failed.
func (c *benchCmd) measure(a *app, conns []*ws.Conn) *result {
	ctx, cancel := context.WithTimeout(a.ctx, c.Time)
	defer cancel()
	r := &result{Connections: len(conns), Size: c.Size, Errors: map[string]int{}}
	var count atomic.Int64
	lists := make([][]time.Duration, len(conns))
	failures := make(chan string, len(conns))
	began := time.Now()
	var wg sync.WaitGroup
	for i, conn := range conns {
		wg.Go(func() {
			var err error
			lists[i], err = c.exchange(ctx, conn, began, &count)
			if err != nil && ctx.Err() == nil {
				failures <- err.Error()
			}
		})
	}
	over := make(chan struct{})
	go func() {
		wg.Wait()
		cancel()
		close(over)
	}()
	r.perTick = c.watch(ctx, a, began, &count)
	<-over
	close(failures)
	for f := range failures {
		r.Errors[f]++
	}
	r.Seconds = time.Since(began).Seconds()
	all := slices.Concat(lists...)
	slices.Sort(all)
	r.Messages, r.Rate = len(all), float64(len(all))/r.Seconds
	p := &r.Percentiles
	for at, to := range map[float64]*float64{0.5: &p.P50, 0.9: &p.P90, 0.99: &p.P99, 0.999: &p.P999, 1: &p.Max} {
		*to = milliseconds(percentileOf(all, at))
	}
	return r
}

// exchange sends messages on one connection and takes the times until their echoes. With a rate a
// message counts from when it was due, so that a server that stalls can't hide that.
func (c *benchCmd) exchange(ctx context.Context, conn *ws.Conn, began time.Time, count *atomic.Int64) (list []time.Duration, err error) {
	text := []byte(strings.Repeat("0123456789abcdef", c.Size/16+1)[:c.Size])
	var interval time.Duration
	if c.Rate > 0 {
		interval = time.Duration(float64(time.Second) * float64(c.Connections) / c.Rate)
	}
	var p []byte
	for n := 0; ; n++ {
		start := time.Now()
		if interval > 0 {
			start = began.Add(time.Duration(n) * interval)
			if !sleep(ctx, time.Until(start)) {
				return list, nil
			}
		}
		if err := conn.Write(ctx, ws.Text, text); err != nil {
			return list, err
		}
		if _, p, err = conn.ReadInto(ctx, p[:0]); err != nil {
			return list, err
		}
		if len(p) != len(text) {
			return list, fmt.Errorf("an answer of %d bytes to a message of %d: this is no echo server", len(p), len(text))
		}
		list = append(list, time.Since(start))
		count.Add(1)
	}
}

// watch shows how far the run is, and returns the rates of its parts.
func (c *benchCmd) watch(ctx context.Context, a *app, began time.Time, count *atomic.Int64) (rates []float64) {
	f, isFile := a.stderr.(*os.File)
	bar := isFile && isatty.IsTerminal(f.Fd())
	t := time.NewTicker(max(c.Time/ticks, time.Millisecond))
	defer t.Stop()
	last, at := int64(0), began
	for {
		select {
		case now := <-t.C:
			n := count.Load()
			rates = append(rates, float64(n-last)/now.Sub(at).Seconds())
			last, at = n, now
			if bar {
				showBar(a.stderr, float64(now.Sub(began))/float64(c.Time), n)
			}
		case <-ctx.Done():
			if bar {
				fmt.Fprint(a.stderr, "\r\x1b[K")
			}
			return rates
		}
	}
}

func showBar(w io.Writer, done float64, n int64) {
	const width = 40
	full := int(width * min(done, 1))
	fmt.Fprintf(w, "\r[%s%s] %3.0f %%  %d messages", strings.Repeat("=", full), strings.Repeat(" ", width-full), 100*min(done, 1), n)
}

func milliseconds(d time.Duration) float64 {
	return math.Round(float64(d)/float64(time.Millisecond)*1000) / 1000
}

// percentile returns a percentile of a list that is not sorted.
func percentile(list []time.Duration, at float64) time.Duration {
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	return percentileOf(sorted, at)
}

// percentileOf returns the smallest element that at of all are no larger than. The list is sorted.
func percentileOf(sorted []time.Duration, at float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(int(math.Ceil(at*float64(len(sorted))))-1, 0)]
}

// print shows the result to a person.
func (r *result) print(w io.Writer) {
	p := r.Percentiles
	fmt.Fprintf(w, "%d connections, %d messages of %d bytes in %.1f s: %.0f per second\n", r.Connections, r.Messages, r.Size, r.Seconds, r.Rate)
	fmt.Fprintf(w, "connecting: %.2f ms (median)\n", r.ConnectP50)
	fmt.Fprintf(w, "latency:    50 %% %.3f ms   90 %% %.3f ms   99 %% %.3f ms   99.9 %% %.3f ms   max %.3f ms\n", p.P50, p.P90, p.P99, p.P999, p.Max)
	for text, n := range r.Errors {
		fmt.Fprintf(w, "%d connections failed: %s\n", n, safe(text))
	}
	if len(r.perTick) > 1 {
		fmt.Fprintln(w, asciigraph.Plot(r.perTick, asciigraph.Height(8), asciigraph.Width(60),
			asciigraph.LowerBound(0), asciigraph.Precision(0), asciigraph.Caption("messages per second")))
	}
}
