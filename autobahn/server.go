package autobahn

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/rfc6455/ws/autobahn/internal/engine"
	"github.com/rfc6455/ws/autobahn/internal/report"
)

// Server is the fuzzing server: it tests clients that echo every message. Clients
// find the endpoints of the Autobahn|Testsuite:
//
//	/getCaseCount                     the number of cases, as a text message
//	/getCaseInfo?case=N               {"id": ..., "description": ...}
//	/runCase?case=N&agent=NAME        runs a case on this connection
//	/getCaseStatus?case=N&agent=NAME  {"behavior": ...}, when the case is done
//	/updateReports?agent=NAME         writes the report
//	/stopServer                       ends Serve
//
// N counts from one. In place of case=N there may be casetuple=1.1.1. A browser finds the
// report so far at /. The fields may not be changed while the server runs.
type Server struct {
	Cases   []*Case // what can be run; nil: [Catalogue]
	Report  Report  // what was found
	Reports string  // the folder to which updateReports writes; empty: none

	// RoundTrips is how many messages the cases of 9.7, 9.8, 12 and 13 send; zero is
	// 1000, as in the Autobahn|Testsuite. Fewer make a run shorter.
	RoundTrips int

	// Patience multiplies the time that clients have to answer, to fail the connection and to
	// close TCP, up to a minute; zero is 1. See [Client.Patience].
	Patience int

	// Progress is called with each outcome. Calls do not overlap.
	Progress func(o *Outcome)

	mu   sync.Mutex         // for Progress, and for what follows
	stop context.CancelFunc // ends Serve, while it runs
	keys map[string]bool    // the values of Sec-WebSocket-Key so far
	runs map[*visit]bool    // the cases that are running
}

// Serve serves until ctx ends or a client asks for the end. Then it closes the listener and
// all connections, and returns nil. If the listener fails, Serve returns its error.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s.mu.Lock()
	s.stop = stop
	s.mu.Unlock()
	defer context.AfterFunc(ctx, func() { l.Close() })()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		nc, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			stop()
			return fmt.Errorf("websocket: %w", err)
		}
		wg.Go(func() { s.connection(ctx, nc, port) })
	}
}

// overTimeout is how long the server waits for the cases of a client before it writes the
// client's report.
const overTimeout = 5 * time.Second

// visit is one connection of a client.
type visit struct {
	s      *Server
	t      *engine.Tester
	path   string
	query  url.Values
	agent  string
	c      *Case // the one that the query names
	number int
	last   bool          // the server ends with this connection
	over   chan struct{} // closed when the outcome is in the report
}

// visit returns what a connection begins with.
func (s *Server) visit() *visit {
	v := &visit{s: s, t: engine.NewTester(&engine.Script{}, nil, true), over: make(chan struct{})}
	v.t.Adjust(s.RoundTrips, s.Patience)
	return v
}

// connection serves one connection.
func (s *Server) connection(ctx context.Context, nc net.Conn, port string) {
	defer nc.Close()
	v := s.visit()
	nc.SetDeadline(time.Now().Add(v.t.Allow(engine.OpenTimeout)))
	head, rest, err := engine.ReadHead(nc, nil)
	if err != nil {
		return // nobody is there to be told
	}
	v.t.Connect(nc)
	defer v.t.Finish() // run has closed the connection, if it came to that
	v.t.Rec.HTTPRequest = string(head)
	v.t.Rec.GotOctets(slices.Concat(head, rest))
	response, refused := v.open(head, port)
	defer v.leave()
	if refused != nil {
		fmt.Fprintf(nc, "HTTP/1.1 %d %s\r\nServer: %s\r\n%sConnection: close\r\nContent-Length: %d\r\n\r\n%s\n",
			refused.Status, http.StatusText(refused.Status), engine.Product, refused.Header, len(refused.Reason)+1, refused.Reason)
		return
	}
	v.t.Rec.HTTPResponse = response
	v.t.Rec.Traffic.PreopenIncomingOctetsWireLevel = len(head)
	v.t.Rec.Traffic.PreopenOutgoingOctetsWireLevel = len(response)
	v.t.Rec.SentOctets([]byte(response), false)
	if v.t.Script.Hello != nil {
		v.t.AwaitEarly(nc, rest)
	}
	// If a client has seen enough, it may close TCP before all is written.
	if err := v.t.Script.Hello.Write(nc, response); err != nil && !v.t.MustRefuse || v.page() {
		return
	}
	if v.t.MustRefuse {
		v.t.JudgeRefusal(nc)
		v.end()
		return
	}
	nc.SetDeadline(time.Time{})
	v.run(ctx, rest)
}

// run runs what is to be done on a connection that is open.
func (v *visit) run(ctx context.Context, early []byte) {
	v.t.Run(ctx, early)
	v.end()
}

// end adds the outcome to the report when the connection has ended.
func (v *visit) end() {
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	if v.last && v.s.stop != nil {
		v.s.stop()
	}
	if v.path != "/runCase" {
		return
	}
	o := report.NewOutcome(v.c, v.agent, v.number, v.t)
	v.s.Report.Add(o)
	if v.s.Progress != nil {
		v.s.Progress(o)
	}
}

// enter notes that the case is running.
func (v *visit) enter() {
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	if v.s.runs == nil {
		v.s.runs = make(map[*visit]bool)
	}
	v.s.runs[v] = true
}

// leave tells those who wait for the case that it is over.
func (v *visit) leave() {
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	delete(v.s.runs, v)
	close(v.over)
}

// running returns the cases that a client has begun and whose outcome is not in the report
// yet. When a client is done with a case, the server may need a moment more.
func (s *Server) running(agent string) []*visit {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []*visit
	for v := range s.runs {
		if v.agent == agent {
			list = append(list, v)
		}
	}
	return list
}

// cases returns what can be run.
func (s *Server) cases() []*Case {
	if s.Cases == nil {
		return Catalogue()
	}
	return s.Cases
}

// page reports whether the request was for a page of the report.
func (v *visit) page() bool { return v.path == "" }

// open checks a request and returns the response: that of the opening handshake, or a page of
// the report.
func (v *visit) open(head []byte, port string) (string, *engine.Refusal) {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	if err != nil {
		return "", &engine.Refusal{Status: http.StatusBadRequest, Reason: err.Error()}
	}
	if r.Method == http.MethodGet && r.Header.Get("Upgrade") == "" {
		return v.s.page(r.URL.Path)
	}
	if refused := engine.CheckRequest(r, port); refused != nil {
		return "", refused
	}
	v.path, v.query = r.URL.Path, r.URL.Query()
	if err := v.prepare(); err != nil {
		return "", &engine.Refusal{Status: http.StatusInternalServerError, Reason: err.Error()}
	}
	v.t.KeyAgain = v.s.keyAgain(r.Header.Get("Sec-WebSocket-Key"))
	return v.t.Response(r)
}

// keyAgain reports whether a client has used a key before.
func (s *Server) keyAgain(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys == nil {
		s.keys = make(map[string]bool)
	}
	again := s.keys[key]
	s.keys[key] = true
	return again
}

// page returns a page of the report as an HTTP response.
func (s *Server) page(path string) (string, *engine.Refusal) {
	outcomes := report.OutcomesOf(&s.Report)
	var b []byte
	var err error
	if path == "/" || path == "/index.html" {
		b, err = report.IndexPage(outcomes)
	} else {
		err = errors.New("there is no such page")
		for _, o := range outcomes {
			if path == "/"+report.FileOf(o, "html") {
				b, err = report.CasePage(o)
			}
		}
	}
	if err != nil {
		return "", &engine.Refusal{Status: http.StatusNotFound, Reason: err.Error()}
	}
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nServer: %s\r\nContent-Type: text/html; charset=utf-8\r\n"+
		"Connection: close\r\nContent-Length: %d\r\n\r\n%s", engine.Product, len(b), b), nil
}
