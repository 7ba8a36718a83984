package autobahn

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// Client is the fuzzing client: it tests a server that echoes every message. The
// fields may not be changed while it runs.
type Client struct {
	URL   string  // of the server, ws or wss
	Agent string  // the server's name in the report
	Cases []*Case // what to run; nil: [Catalogue]

	// Parallel bounds how many connections there are at once; zero is 16. Cases that
	// mean much work for both sides run after the others, and no more than four of them
	// at once for each processor.
	Parallel int

	// RoundTrips is how many messages the cases of 9.7, 9.8, 12 and 13 send; zero is
	// 1000, as in the Autobahn|Testsuite. Fewer make a run shorter.
	RoundTrips int

	// Patience multiplies the time that the server is given to answer, to fail the
	// connection and to close TCP, up to a minute; zero is 1: as much as the
	// Autobahn|Testsuite gives, which is one second for most. More keeps a server that
	// shares a busy machine from being called wrong where it is only slow.
	Patience int

	// TLS is used for wss; nil: the system's certificates.
	TLS *tls.Config

	// Dial connects to the server, if it is not to be the standard library.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	// Open opens a connection in another way than by TCP and the opening handshake of
	// HTTP/1.1, such as a stream of HTTP/2 (RFC 8441): URL, Dial and TLS are not used
	// then, and the cases about that handshake are left out. It returns a connection
	// that is open; extensions is what to send as Sec-WebSocket-Extensions, empty for
	// no such field, and answer what that field has in the response. An error makes
	// the case one whose opening handshake failed. See [Stream].
	Open func(ctx context.Context, extensions string) (s Stream, answer string, err error)

	// Progress is called with each outcome, how many there are, and how many there
	// will be. Calls do not overlap.
	Progress func(o *Outcome, done, total int)
}

// Run runs the cases and adds their outcomes to the report. It returns an error if
// the server cannot be connected to, or when ctx ends.
func (c *Client) Run(ctx context.Context, r *Report) error {
	u, err := url.Parse(c.URL)
	if c.Open == nil && (err != nil || u.Host == "" || u.Scheme != "ws" && u.Scheme != "wss") {
		return fmt.Errorf("websocket: %q is not a ws or wss URL", c.URL)
	}
	cases := c.Cases
	if cases == nil {
		cases = catalogue()
	}
	if c.Open != nil {
		cases = slices.DeleteFunc(slices.Clone(cases), (*Case).Opening)
	}
	parallel := c.Parallel
	if parallel <= 0 {
		parallel = 16
	}
	run := &clientRun{Client: c, url: u, report: r, total: len(cases), slots: make(chan struct{}, parallel)}
	return run.ordered(ctx, cases)
}

// ordered runs cases in the order that takes the least time: those that mean much work
// when the others are done, and those that do little but wait all the while.
func (r *clientRun) ordered(ctx context.Context, cases []*Case) error {
	var long, light, heavy []*Case
	for _, c := range cases {
		switch {
		case c.waits() > openTimeout:
			long = append(long, c)
		case c.timed:
			heavy = append(heavy, c)
		default:
			light = append(light, c)
		}
	}
	// So that none is left alone at the end.
	slices.SortStableFunc(light, func(a, b *Case) int { return cmp.Compare(b.waits(), a.waits()) })
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := r.all(ctx, long, cap(r.slots)); err != nil {
			stop(err)
		}
	})
	err := r.all(ctx, light, cap(r.slots))
	if err == nil {
		err = r.all(ctx, heavy, min(cap(r.slots), 4*runtime.GOMAXPROCS(0)))
	}
	if err != nil {
		stop(err)
	}
	wg.Wait()
	return context.Cause(ctx)
}

// waits returns how long a case takes by nature.
func (c *Case) waits() time.Duration {
	wait := waitsIn(c.steps)
	if c.hello != nil {
		wait = max(wait, c.hello.wait)
	}
	if c.lazy || c.mute {
		wait = max(wait, patient)
	}
	return wait
}

func waitsIn(steps []step) time.Duration {
	var wait time.Duration
	for _, s := range steps {
		switch s := s.(type) {
		case later:
			wait += s.wait + waitsIn(s.steps)
		case compressed:
			wait += waitsIn(s)
		}
	}
	return wait
}

// clientRun is one call of Run.
type clientRun struct {
	*Client
	url    *url.URL
	report *Report
	slots  chan struct{} // taken by each connection that there is

	mu          sync.Mutex
	done, total int
}

// all runs cases, some at a time. The first error stops it.
func (r *clientRun) all(ctx context.Context, cases []*Case, parallel int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan *Case)
	var wg sync.WaitGroup
	for range parallel {
		wg.Go(func() {
			for c := range next {
				r.slots <- struct{}{}
				if err := r.one(ctx, c); err != nil {
					cancel(err)
				}
				<-r.slots
			}
		})
	}
	for _, c := range cases {
		select {
		case next <- c:
		case <-ctx.Done():
		}
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}

// one runs one case.
func (r *clientRun) one(ctx context.Context, c *Case) error {
	t, err := r.test(ctx, c)
	if err != nil {
		return fmt.Errorf("websocket: cannot connect to %s: %w", r.URL, err)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	number := slices.IndexFunc(catalogue(), func(x *Case) bool { return x.ID == c.ID }) + 1
	r.add(t.outcome(r.Agent, number))
	return nil
}

// test opens a connection for a case and runs it there.
func (r *clientRun) test(ctx context.Context, c *Case) (*tester, error) {
	t := newTester(c, nil, false)
	t.adjust(r.RoundTrips, r.Patience)
	var early []byte
	var err error
	if r.Open != nil {
		var s Stream
		var answer string
		if s, answer, err = r.Open(ctx, c.offer()); err != nil {
			s = noStream{}
		}
		t.connect(s)
		if err == nil {
			err = t.takeAnswer(answer)
		}
	} else {
		nc, failed := r.dial(ctx)
		if failed != nil {
			return nil, failed
		}
		t.connect(nc)
		early, err = t.openClient(nc, r.url)
	}
	if err != nil {
		t.refuse(err)
	} else {
		t.run(ctx, early)
	}
	return t, nil
}

func (r *clientRun) add(o *Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Add(o)
	r.done++
	if r.Progress != nil {
		r.Progress(o, r.done, r.total)
	}
}

func (r *clientRun) dial(ctx context.Context) (net.Conn, error) {
	dial := r.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: openTimeout}).DialContext
	}
	nc, err := dial(ctx, "tcp", hostPort(r.url))
	if err != nil || r.url.Scheme == "ws" {
		return nc, err
	}
	config := r.TLS.Clone()
	if config == nil {
		config = new(tls.Config)
	}
	if config.ServerName == "" {
		config.ServerName = r.url.Hostname()
	}
	tc := tls.Client(nc, config)
	if err := tc.HandshakeContext(ctx); err != nil {
		nc.Close()
		return nil, err
	}
	return tc, nil
}

// refuse ends a case whose opening handshake failed.
func (t *tester) refuse(err error) {
	t.rec.DroppedByMe = true
	t.rec.WasNotCleanReason = text(strings.TrimSpace(err.Error()))
	t.out.abort()
	t.rec.ended = time.Now()
	t.judge()
}

// outcome returns what a finished case has shown.
func (t *tester) outcome(agent string, number int) *Outcome {
	t.rec.deflate = t.deflate != nil
	return &Outcome{
		Case: t.c, Agent: agent, number: number, server: t.server,
		verdict: t.verdict, rec: t.rec, received: t.received,
	}
}
