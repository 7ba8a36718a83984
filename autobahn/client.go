package autobahn

import (
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
	// mean much work for both sides run after the others, and never more of them at
	// once than there are processors.
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
	// The long ones first, so that none is left alone at the end.
	light := slices.DeleteFunc(slices.Clone(cases), (*Case).heavy)
	heavy := slices.DeleteFunc(slices.Clone(cases), func(c *Case) bool { return !c.heavy() })
	slices.SortStableFunc(light, func(a, b *Case) int { return b.waits() - a.waits() })
	run := &clientRun{Client: c, url: u, report: r, total: len(cases)}
	if err := run.all(ctx, light, parallel); err != nil {
		return err
	}
	return run.all(ctx, heavy, min(parallel, 4*runtime.GOMAXPROCS(0)))
}

// heavy reports whether a case means much work.
func (c *Case) heavy() bool { return c.timed }

// waits reports, as 1, that a case takes its time by nature.
func (c *Case) waits() int {
	if c.lazy || c.mute || c.hello != nil && c.hello.wait > openTimeout {
		return 1
	}
	for _, s := range c.steps {
		if _, ok := s.(later); ok {
			return 1
		}
	}
	return 0
}

// clientRun is one call of Run.
type clientRun struct {
	*Client
	url    *url.URL
	report *Report

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
				if err := r.one(ctx, c); err != nil {
					cancel(err)
				}
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
