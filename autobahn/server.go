package autobahn

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rfc6455/ws/frame"
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
// N counts from one; casetuple=1.1.1 may stand in its place. A browser finds the
// report as it stands at /. The fields may not be changed while it runs.
type Server struct {
	Cases   []*Case // what can be run; nil: [Catalogue]
	Report  Report  // what was found
	Reports string  // the folder to which updateReports writes; empty: none

	// RoundTrips is how many messages the cases of 9.7, 9.8, 12 and 13 send; zero is
	// 1000, as in the Autobahn|Testsuite. Fewer make a run shorter.
	RoundTrips int

	// Patience multiplies the time that clients are given to answer, to fail the
	// connection and to close TCP, up to a minute; zero is 1. See [Client.Patience].
	Patience int

	// Progress is called with each outcome. Calls do not overlap.
	Progress func(o *Outcome)

	mu   sync.Mutex         // for Progress, and for what follows
	stop context.CancelFunc // ends Serve, while it runs
	keys map[string]bool    // the values of Sec-WebSocket-Key so far
	runs map[*visit]bool    // the cases that are running
}

// Serve serves until ctx ends or a client asks for the end, and then closes the
// listener and all connections. Each end is the error nil.
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

// visit is one connection of a client.
type visit struct {
	s      *Server
	t      *tester
	path   string
	query  url.Values
	agent  string
	c      *Case // the one that the query names
	number int
	last   bool          // the server ends with this connection
	over   chan struct{} // closed when what it has shown is in the report
}

func (s *Server) visit() *visit {
	v := &visit{s: s, t: newTester(&Case{}, nil, true), over: make(chan struct{})}
	v.t.adjust(s.RoundTrips, s.Patience)
	return v
}

// connection serves one connection.
func (s *Server) connection(ctx context.Context, nc net.Conn, port string) {
	defer nc.Close()
	v := s.visit()
	nc.SetDeadline(time.Now().Add(v.t.allow(openTimeout)))
	head, rest, err := readHead(nc, nil)
	if err != nil {
		return // nobody is there to be told
	}
	v.t.connect(nc)
	defer v.t.out.finish() // run has closed the connection, if it came to that
	v.t.rec.HTTPRequest = string(head)
	v.t.rec.gotOctets(slices.Concat(head, rest))
	response, refused := v.open(head, port)
	defer v.leave()
	if refused != nil {
		fmt.Fprintf(nc, "HTTP/1.1 %d %s\r\nServer: %s\r\n%sConnection: close\r\nContent-Length: %d\r\n\r\n%s\n",
			refused.status, http.StatusText(refused.status), product, refused.header, len(refused.reason)+1, refused.reason)
		return
	}
	v.t.rec.HTTPResponse = response
	v.t.rec.Traffic.PreopenIncomingOctetsWireLevel = len(head)
	v.t.rec.Traffic.PreopenOutgoingOctetsWireLevel = len(response)
	v.t.rec.sentOctets([]byte(response), false)
	if v.t.c.hello != nil {
		v.t.awaitEarly(nc, rest)
	}
	// A client that has seen enough may close TCP before all is written.
	if err := v.t.c.hello.write(nc, response); err != nil && !v.t.mustRefuse || v.page() {
		return
	}
	if v.t.mustRefuse {
		v.t.judgeRefusal(nc)
		v.end()
		return
	}
	nc.SetDeadline(time.Time{})
	v.run(ctx, rest)
}

// run runs what is to be done on a connection that is open.
func (v *visit) run(ctx context.Context, early []byte) {
	v.t.run(ctx, early)
	v.end()
}

// end takes down what a connection that has ended has shown.
func (v *visit) end() {
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	if v.last && v.s.stop != nil {
		v.s.stop()
	}
	if v.path != "/runCase" {
		return
	}
	o := v.t.outcome(v.agent, v.number)
	v.s.Report.Add(o)
	if v.s.Progress != nil {
		v.s.Progress(o)
	}
}

// enter takes down that the case is running.
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

// running returns the cases that a client has begun and whose outcome is not in the
// report yet. A client is done with a case as soon as it sees its end: the server may
// need a moment more.
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
		return catalogue()
	}
	return s.Cases
}

// page reports whether the response was a page for a browser.
func (v *visit) page() bool { return v.path == "" }

// open checks a request and returns the response: the opening handshake, or a page
// of the report.
func (v *visit) open(head []byte, port string) (string, *refusal) {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	if err != nil {
		return "", &refusal{status: http.StatusBadRequest, reason: err.Error()}
	}
	if r.Method == http.MethodGet && r.Header.Get("Upgrade") == "" {
		return v.s.page(r.URL.Path)
	}
	if refused := checkRequest(r, port); refused != nil {
		return "", refused
	}
	v.path, v.query = r.URL.Path, r.URL.Query()
	if err := v.prepare(); err != nil {
		return "", &refusal{status: http.StatusInternalServerError, reason: err.Error()}
	}
	v.t.keyAgain = v.s.keyAgain(r.Header.Get("Sec-WebSocket-Key"))
	return v.t.response(r)
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
func (s *Server) page(path string) (string, *refusal) {
	outcomes := s.Report.all()
	var b []byte
	var err error
	if path == "/" || path == "/index.html" {
		b, err = indexPage(outcomes)
	} else {
		err = errors.New("there is no such page")
		for _, o := range outcomes {
			if path == "/"+o.file("html") {
				b, err = casePage(o)
			}
		}
	}
	if err != nil {
		return "", &refusal{status: http.StatusNotFound, reason: err.Error()}
	}
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nServer: %s\r\nContent-Type: text/html; charset=utf-8\r\n"+
		"Connection: close\r\nContent-Length: %d\r\n\r\n%s", product, len(b), b), nil
}

// prepare chooses what to do on the connection.
func (v *visit) prepare() error {
	if err := v.parameters(); err != nil {
		return err
	}
	switch v.path {
	case "/runCase":
		if v.c == nil || v.agent == "" {
			return errors.New("runCase needs case (or casetuple) and agent")
		}
		v.t.c = v.c
		v.enter()
	case "/getCaseCount":
		v.answer(len(v.s.cases()))
	case "/getCaseInfo":
		if v.c == nil {
			return errors.New("getCaseInfo needs case or casetuple")
		}
		v.answer(map[string]string{"id": v.c.ID, "description": v.c.Description})
	case "/getCaseStatus":
		if v.c == nil || v.agent == "" {
			return errors.New("getCaseStatus needs case (or casetuple) and agent")
		}
		v.awaitStatus()
	case "/updateReports":
		if v.agent == "" {
			return errors.New("updateReports needs agent")
		}
		v.updateReports()
	case "/stopServer":
		v.t.c = &Case{steps: []step{begin{code: -1}}}
		v.last = true
	default:
		v.t.c = &Case{message: command}
	}
	return nil
}

// parameters reads the query. Each parameter may be there once.
func (v *visit) parameters() error {
	for _, name := range []string{"agent", "case", "casetuple", "shutdownOnComplete"} {
		if len(v.query[name]) > 1 {
			return fmt.Errorf("the parameter %s is there more than once", name)
		}
	}
	v.agent = v.query.Get("agent")
	if id := strings.TrimSpace(v.query.Get("casetuple")); id != "" {
		for i, c := range v.s.cases() {
			if c.ID == id {
				v.number = i + 1
			}
		}
		if v.number == 0 {
			return fmt.Errorf("there is no case %s", id)
		}
	}
	if n := v.query.Get("case"); n != "" {
		var err error
		if v.number, err = strconv.Atoi(n); err != nil {
			return fmt.Errorf("case=%s is not a number", n)
		}
	}
	if v.query.Has("case") || v.number != 0 {
		if v.number < 1 || v.number > len(v.s.cases()) {
			return fmt.Errorf("there is no case %d: they count from 1 to %d", v.number, len(v.s.cases()))
		}
		v.c = v.s.cases()[v.number-1]
	}
	return nil
}

// answer makes the connection one that sends a message and closes.
func (v *visit) answer(value any) {
	b, _ := json.Marshal(value) // values of ours
	v.t.c = &Case{steps: []step{say{payload: string(b)}, begin{code: -1}}}
}

// awaitStatus answers when the outcome is there.
func (v *visit) awaitStatus() {
	v.t.c = &Case{steps: []step{doing(func(t *tester) {
		go func() {
			select {
			case o := <-v.s.Report.await(v.agent, v.c.ID):
				b, _ := json.Marshal(map[string]string{"behavior": o.verdict.Behavior})
				t.post(func() { t.do([]step{say{payload: string(b)}, begin{code: -1}}) })
			case <-t.gone:
			}
		}()
	})}}
}

// updateReports writes the report, and ends the server if that was asked for. It
// waits for the client's cases, but not for one whose connection is left open.
func (v *visit) updateReports() {
	running := v.s.running(v.agent)
	v.t.c = &Case{steps: []step{doing(func(t *tester) {
		go func() {
			late, stop := context.WithTimeout(context.Background(), t.allow(overTimeout))
			defer stop()
			for _, other := range running {
				select {
				case <-other.over:
				case <-late.Done():
				case <-t.gone:
				}
			}
			t.post(v.writeReport)
		}()
	})}}
	end := strings.ToLower(v.query.Get("shutdownOnComplete"))
	v.last = end == "true" || end == "yes"
}

// writeReport writes the report and says in a Close frame if it can't.
func (v *visit) writeReport() {
	reason, code := "", -1
	if v.s.Reports != "" {
		if err := v.s.Report.Write(v.s.Reports); err != nil {
			reason, code = err.Error(), 3000
		}
	}
	v.t.closeFrame(code, reason[:min(len(reason), frame.MaxReason)])
}

// orderedFrame is a frame that a client in command mode asks for.
type orderedFrame struct {
	Opcode  frame.Opcode `json:"opcode"`
	Payload string       `json:"payload"`
	Fin     *bool        `json:"fin"`
	RSV     uint8        `json:"rsv"`
	Length  int          `json:"payload_len"`
	Chop    int          `json:"chopsize"`
	Sync    bool         `json:"sync"`
	Code    *int         `json:"code"`   // of close
	Reason  string       `json:"reason"` // of close
}

func (o orderedFrame) step(op frame.Opcode) step {
	s := send{op: op, payload: o.Payload, rsv: o.RSV, chop: o.Chop, sync: o.Sync, more: o.Fin != nil && !*o.Fin}
	if o.Payload != "" {
		s.length = min(o.Length, maxEcho)
	}
	return s
}

// command does what a client in command mode asks for: a JSON array of a word and
// what belongs to it. What is not understood ends the connection.
func command(t *tester, payload []byte, binary bool) {
	var parts []json.RawMessage
	var word string
	var one orderedFrame
	var many []orderedFrame
	err := json.Unmarshal(payload, &parts)
	if err == nil && len(parts) == 2 {
		err = json.Unmarshal(parts[0], &word)
	}
	switch {
	case err != nil || binary || len(parts) != 2:
	case word == "sendframes":
		err = json.Unmarshal(parts[1], &many)
	default:
		err = json.Unmarshal(parts[1], &one)
	}
	if err != nil || binary {
		t.crash("the command is not understood")
		return
	}
	switch word {
	case "sendframe":
		one.step(one.Opcode).do(t)
	case "sendframes":
		for _, o := range many {
			o.step(o.Opcode).do(t)
		}
	case "echo":
		one.step(frame.Text).do(t)
	case "close":
		code := -1
		if one.Code != nil {
			code = *one.Code
		}
		t.closeFrame(code, one.Reason)
	default:
		t.crash("the command is not understood")
	}
}
