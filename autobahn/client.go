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
	"sync"

	"github.com/rfc6455/ws/autobahn/internal/engine"
	"github.com/rfc6455/ws/autobahn/internal/report"
)

// Client is the fuzzing client: it tests a server that echoes every message. The
// fields may not be changed while it runs.
type Client struct {
	URL   string  // of the server, ws or wss
	Agent string  // the server's name in the report
	Cases []*Case // what to run; nil: [Catalogue]

	// Parallel is how many connections there are at once, at most; zero is 16. Cases that
	// mean much work for both sides run after the others, and no more than four of them for
	// each processor at once.
	Parallel int

	// RoundTrips is how many messages the cases of 9.7, 9.8, 12 and 13 send; zero is
	// 1000, as in the Autobahn|Testsuite. Fewer make a run shorter.
	RoundTrips int

	// Patience multiplies the time that the server has to answer, to fail the connection and
	// to close TCP, up to a minute. Zero is 1: the server has as much as the
	// Autobahn|Testsuite gives, which is one second for most. With more, a server on a busy
	// machine does not fail because it is slow.
	Patience int

	// TLS is used for wss; nil: the system's certificates.
	TLS *tls.Config

	// Dial connects to the server; nil: as the standard library does.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	// Open opens a connection in another way than by TCP and the opening handshake of
	// HTTP/1.1, such as a stream of HTTP/2 (RFC 8441). URL, Dial and TLS are not used then,
	// and the cases about that handshake are left out. Open sends extensions as
	// Sec-WebSocket-Extensions, or no such field if it is empty. It returns a connection that
	// is open, and what that field has in the response. If it returns an error, the case has
	// failed in the opening handshake. See [Stream].
	Open func(ctx context.Context, extensions string) (s Stream, answer string, err error)

	// Progress is called with each outcome, how many there are so far, and how many there
	// will be. Calls do not overlap.
	Progress func(o *Outcome, done, total int)
}

// Run runs the cases and adds their outcomes to the report. It returns an error if
// the server cannot be connected to, or when ctx ends.
//
// Without Open, Run first opens one connection and closes it again. If the server does not
// answer that request with status 101, Run returns an error that says so, and runs no case.
func (c *Client) Run(ctx context.Context, r *Report) error {
	u, err := url.Parse(c.URL)
	if c.Open == nil && (err != nil || u.Host == "" || u.Scheme != "ws" && u.Scheme != "wss") {
		return fmt.Errorf("websocket: %q is not a ws or wss URL", c.URL)
	}
	cases := c.Cases
	if cases == nil {
		cases = Catalogue()
	}
	if c.Open != nil {
		cases = slices.DeleteFunc(slices.Clone(cases), (*Case).Opening)
	}
	parallel := c.Parallel
	if parallel <= 0 {
		parallel = 16
	}
	run := &clientRun{Client: c, url: u, report: r, total: len(cases), slots: make(chan struct{}, parallel)}
	if c.Open == nil {
		if err := run.trial(ctx); err != nil {
			return err
		}
	}
	return run.ordered(ctx, cases)
}

// ordered runs cases in the order that takes the least time: those that wait for long all the
// while, and those that mean much work when the others are done.
func (r *clientRun) ordered(ctx context.Context, cases []*Case) error {
	var long, light, heavy []*Case
	for _, c := range cases {
		switch {
		case engine.ScriptOf(c).Waits() > engine.OpenTimeout:
			long = append(long, c)
		case engine.ScriptOf(c).Timed:
			heavy = append(heavy, c)
		default:
			light = append(light, c)
		}
	}
	// The longest first, so that none runs alone at the end.
	slices.SortStableFunc(light, func(a, b *Case) int { return cmp.Compare(engine.ScriptOf(b).Waits(), engine.ScriptOf(a).Waits()) })
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

// clientRun is one call of Run.
type clientRun struct {
	*Client
	url    *url.URL
	report *Report
	slots  chan struct{} // taken by each connection that there is

	mu          sync.Mutex
	done, total int
}

// all runs cases, some at a time. It stops at the first error.
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
	t, err := r.test(ctx, engine.ScriptOf(c))
	if err != nil {
		return fmt.Errorf("websocket: cannot connect to %s: %w", publicURL(r.url), err)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	number := slices.IndexFunc(Catalogue(), func(x *Case) bool { return x.ID == c.ID }) + 1
	r.add(report.NewOutcome(c, r.Agent, number, t))
	return nil
}

// test opens a connection for a case and runs it there.
func (r *clientRun) test(ctx context.Context, c *engine.Script) (*engine.Tester, error) {
	t := engine.NewTester(c, nil, false)
	t.Adjust(r.RoundTrips, r.Patience)
	var early []byte
	var err error
	if r.Open != nil {
		var s Stream
		var answer string
		if s, answer, err = r.Open(ctx, c.Offer()); err != nil {
			s = noStream{}
		}
		t.Connect(s)
		if err == nil {
			err = t.TakeAnswer(answer)
		}
	} else {
		nc, failed := r.dial(ctx)
		if failed != nil {
			return nil, failed
		}
		t.Connect(nc)
		early, err = t.OpenClient(nc, r.url)
	}
	if err != nil {
		t.Refuse(err)
	} else {
		t.Run(ctx, early)
	}
	return t, nil
}

// add adds an outcome to the report.
func (r *clientRun) add(o *Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Add(o)
	r.done++
	if r.Progress != nil {
		r.Progress(o, r.done, r.total)
	}
}

// dial connects to the server.
func (r *clientRun) dial(ctx context.Context) (net.Conn, error) {
	dial := r.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: engine.OpenTimeout}).DialContext
	}
	nc, err := dial(ctx, "tcp", engine.HostPort(r.url))
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
