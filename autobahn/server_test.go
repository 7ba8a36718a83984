package autobahn

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/frame"
)

// fuzzingServer starts a server and returns its address. The server ends with the test, which
// fails if Serve returns an error.
func fuzzingServer(t *testing.T, s *Server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Patience = 10 // the machine may be busy
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return l.Addr().String()
}

// client is a client that does what a test says.
type client struct {
	net.Conn
	r *bufio.Reader
}

// visitServer does an opening handshake. The test fails if the status is another.
func visitServer(t *testing.T, addr, target string, status int, headers ...string) *client {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return visitOver(t, nc, addr, target, status, headers...)
}

// visitOver does the opening handshake of visitServer over a connection that is there.
func visitOver(t *testing.T, nc net.Conn, host, target string, status int, headers ...string) *client {
	t.Helper()
	t.Cleanup(func() { nc.Close() })
	request := "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n"
	if headers == nil {
		headers = []string{"Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + randomKey()}
	}
	fmt.Fprintf(nc, "%s%s\r\n\r\n", request, strings.Join(headers, "\r\n"))
	c := &client{nc, bufio.NewReader(nc)}
	r, err := http.ReadResponse(c.r, nil)
	if err != nil {
		t.Fatalf("%s: %v", target, err)
	}
	if r.StatusCode != status {
		t.Fatalf("%s: status %d, want %d", target, r.StatusCode, status)
	}
	return c
}

// randomKey returns a value for Sec-WebSocket-Key.
func randomKey() string {
	b := make([]byte, 16)
	rand.Read(b)
	return base64.StdEncoding.EncodeToString(b)
}

// message reads a message of one frame.
func (c *client) message(t *testing.T) string {
	t.Helper()
	h, payload, err := readFrame(c.r)
	if err != nil || h.Opcode != frame.Text {
		t.Fatalf("got opcode %d, %v, want a text message", h.Opcode, err)
	}
	return string(payload)
}

func (c *client) send(op frame.Opcode, payload []byte) {
	h := frame.Header{Opcode: op, Fin: true, Length: int64(len(payload)), Masked: true}
	c.Write(append(frame.Append(nil, h), payload...))
}

// echo echoes messages until the connection ends.
func (c *client) echo() { c.echoLate(0) }

// echoLate echoes, and waits before it answers a Close frame. In a bubble that takes no time.
func (c *client) echoLate(wait time.Duration) {
	for {
		h, payload, err := readFrame(c.r)
		if err != nil {
			return
		}
		switch h.Opcode {
		case frame.Ping:
			h.Opcode = frame.Pong
		case frame.Close:
			time.Sleep(wait)
		}
		c.send(h.Opcode, payload)
	}
}

// end reads up to a Close frame, and answers that alone.
func (c *client) end() {
	for {
		h, payload, err := readFrame(c.r)
		if err != nil {
			return
		}
		if h.Opcode == frame.Close {
			c.send(h.Opcode, payload)
			return
		}
	}
}

func TestServerEndpoints(t *testing.T) {
	dir := t.TempDir()
	s := &Server{Cases: Pick(Catalogue(), []string{"1.1.1", "1.1.2", "2.2"}, nil), Reports: dir}
	addr := fuzzingServer(t, s)
	if got := visitServer(t, addr, "/getCaseCount", 101).message(t); got != "3" {
		t.Errorf("getCaseCount: %s", got)
	}
	var info struct{ ID, Description string }
	err := json.Unmarshal([]byte(visitServer(t, addr, "/getCaseInfo?case=3", 101).message(t)), &info)
	if err != nil || info.ID != "2.2" || info.Description == "" {
		t.Errorf("getCaseInfo: %+v, %v", info, err)
	}
	early := visitServer(t, addr, "/getCaseStatus?casetuple=1.1.2&agent=x", 101)
	for n := range 3 {
		visitServer(t, addr, fmt.Sprintf("/runCase?case=%d&agent=x", n+1), 101).echo()
	}
	if got := early.message(t); got != `{"behavior":"OK"}` {
		t.Errorf("getCaseStatus before the case: %s", got)
	}
	if got := visitServer(t, addr, "/getCaseStatus?case=3&agent=x", 101).message(t); got != `{"behavior":"OK"}` {
		t.Errorf("getCaseStatus after the case: %s", got)
	}
	visitServer(t, addr, "/updateReports?agent=x", 101).echo()
	index, err := ReadIndex(filepath.Join(dir, "index.json"))
	if err != nil || len(index["x"]) != 3 || index["x"]["2.2"].Behavior != OK {
		t.Errorf("index.json holds %+v, %v", index, err)
	}
}

// TestReportWaits: the report has the cases that the client began before it asked, even if the
// server has not noted their end when it is asked. A case that is left open does not hold up
// the report.
func TestReportWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		open := &Case{ID: "0.0.1"} // the tester does nothing, and waits
		s := &Server{Cases: append(Pick(Catalogue(), []string{"1.1.2", "2.2"}, nil), open), Reports: dir}
		visit := func(target string) *client {
			near, far := net.Pipe()
			go s.connection(t.Context(), far, "80")
			return visitOver(t, near, "x", target, 101)
		}
		results := func() map[string]Result {
			index, err := ReadIndex(filepath.Join(dir, "index.json"))
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
			return index["x"]
		}
		visit("/runCase?case=3&agent=x") // and leaves it so
		slow := visit("/runCase?case=1&agent=x")
		visit("/runCase?case=2&agent=y")
		start := time.Now()
		update := visit("/updateReports?agent=x")
		time.Sleep(time.Second / 2) // by the bubble's clock: the server has had its time, the case has some left
		if got := results(); got != nil {
			t.Errorf("the report was not waited with: %+v", got)
		}
		slow.echo()
		update.echo()
		if got := results(); len(got) != 1 || got["1.1.2"].Behavior != OK {
			t.Errorf("the report holds %+v, want 1.1.2", got)
		}
		if waited := time.Since(start); waited > 2*overTimeout {
			t.Errorf("an open case held up the report for %v", waited)
		}
	})
}

func TestServerRefuses(t *testing.T) {
	addr := fuzzingServer(t, &Server{Cases: Pick(Catalogue(), []string{"1.1.1"}, nil)})
	for _, target := range []string{
		"/runCase", "/runCase?case=1", "/runCase?agent=x", "/runCase?case=0&agent=x", "/runCase?case=2&agent=x",
		"/runCase?case=x&agent=x", "/runCase?case=1&case=1&agent=x", "/runCase?casetuple=9.9.9&agent=x",
		"/getCaseInfo", "/getCaseStatus?case=1", "/updateReports",
	} {
		visitServer(t, addr, target, 500)
	}
	good := []string{"Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + randomKey()}
	for i, bad := range []string{"Upgrade: x", "Connection: close", "Sec-WebSocket-Version: 7", "Sec-WebSocket-Key: short"} {
		headers := append([]string(nil), good...)
		headers[i] = bad
		visitServer(t, addr, "/getCaseCount", 400, headers...)
	}
	visitServer(t, addr, "/getCaseCount", 400, append(good, "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits")...)
}

// TestServerPages looks at the report as a browser does.
func TestServerPages(t *testing.T) {
	s := &Server{Cases: Pick(Catalogue(), []string{"1.1.2"}, nil)}
	addr := fuzzingServer(t, s)
	visitServer(t, addr, "/runCase?case=1&agent=A+%3Cb%3E", 101).echo()
	<-awaitOutcome(&s.Report, "A <b>", "1.1.2")
	page := func(target string) string {
		c := visitServer(t, addr, target, 200, "Accept: */*")
		b, err := io.ReadAll(c.r)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for target, want := range map[string]string{"/": "a__b_case_1_1_2.html", "/a__b_case_1_1_2.html": "TEXT FIN"} {
		got := page(target)
		if !strings.Contains(got, want) || !strings.Contains(got, "A &lt;b&gt;") {
			t.Errorf("%s holds no %q or no agent:\n%s", target, want, got)
		}
	}
	visitServer(t, addr, "/other.html", 404, "Accept: */*")
}

// TestServerEnds ends the server in each of the ways in which a client can.
func TestServerEnds(t *testing.T) {
	for _, target := range []string{"/stopServer", "/updateReports?agent=x&shutdownOnComplete=true"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() { done <- new(Server).Serve(context.Background(), l) }()
		visitServer(t, l.Addr().String(), target, 101).echo()
		if err := <-done; err != nil {
			t.Errorf("%s: %v", target, err)
		}
	}
}

func TestServerCommands(t *testing.T) {
	addr := fuzzingServer(t, &Server{})
	c := visitServer(t, addr, "/", 101)
	c.send(frame.Text, []byte(`["sendframe", {"opcode": 9, "payload": "p", "fin": false, "rsv": 2}]`))
	if h, p, err := readFrame(c.r); err != nil || h.Opcode != frame.Ping || h.Fin || h.RSV != 2 || string(p) != "p" {
		t.Errorf("sendframe: %+v %q, %v", h, p, err)
	}
	c.send(frame.Text, []byte(`["sendframes", [{"opcode": 1, "payload": "ab", "payload_len": 5}, {"opcode": 2, "chopsize": 1}]]`))
	if h, p, err := readFrame(c.r); err != nil || h.Opcode != frame.Text || string(p) != "ababa" {
		t.Errorf("sendframes: %+v %q, %v", h, p, err)
	}
	if h, _, err := readFrame(c.r); err != nil || h.Opcode != frame.Binary {
		t.Errorf("sendframes: %+v, %v", h, err)
	}
	c.send(frame.Text, []byte(`["echo", {"payload": "hello"}]`))
	if got := c.message(t); got != "hello" {
		t.Errorf("echo: %q", got)
	}
	c.send(frame.Text, []byte(`["close", {"code": 3001, "reason": "r"}]`))
	if h, p, err := readFrame(c.r); err != nil || h.Opcode != frame.Close || string(p) != "\x0b\xb9r" {
		t.Errorf("close: %+v %q, %v", h, p, err)
	}
	for _, bad := range []string{"x", `["echo"]`, `["dance", {}]`, `["sendframe", 3]`} {
		c := visitServer(t, addr, "/", 101)
		c.send(frame.Text, []byte(bad))
		if h, _, err := readFrame(c.r); err == nil {
			t.Errorf("%s: got %+v, want the end", bad, h)
		}
	}
}

// readFile reads a JSON file of a report.
func readFile(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

// TestReportFiles checks that a report's files have the form that other programs read.
func TestReportFiles(t *testing.T) {
	var report Report
	cases := Pick(Catalogue(), []string{"1.1.2", "3.1", "7.5.1"}, nil)
	synctest.Test(t, func(t *testing.T) {
		c := Client{URL: "ws://testee/", Dial: testee{closeCode: 1000}.dial, Agent: "My/Lib 1.0", Cases: cases}
		if err := c.Run(t.Context(), &report); err != nil {
			t.Fatal(err)
		}
	})
	dir := filepath.Join(t.TempDir(), "new")
	if err := report.Write(dir); err != nil {
		t.Fatal(err)
	}
	var detail struct {
		Agent, ID, Behavior, HTTPResponse string
		Case                              int
		Expected                          map[string][][]any
		Received                          [][]any
		RxFrameStats                      map[string]int
		Wirelog                           [][]any
		LocalCloseReason                  *string
	}
	if err := readFile(filepath.Join(dir, "my_lib_1_0_case_1_1_2.json"), &detail); err != nil {
		t.Fatal(err)
	}
	if detail.ID != "1.1.2" || detail.Case != 2 || detail.Behavior != OK || detail.RxFrameStats["1"] != 1 ||
		len(detail.Expected[OK]) != 1 || len(detail.Received) != 1 || len(detail.Wirelog) < 4 {
		t.Errorf("1.1.2: %+v", detail)
	}
	var kinds []any
	for _, row := range detail.Wirelog[:4] {
		kinds = append(kinds, row[0])
	}
	if want := []any{"TO", "RO", "TF", "TO"}; !slices.Equal(kinds, want) {
		t.Errorf("the log of 1.1.2 begins with %v, want %v: the opening handshake, then the frame", kinds, want)
	}
	if err := readFile(filepath.Join(dir, "my_lib_1_0_case_7_5_1.json"), &detail); err != nil {
		t.Fatal(err)
	}
	if r := detail.LocalCloseReason; r == nil || !strings.HasPrefix(*r, "cebae1") {
		t.Errorf("7.5.1: the reason is not in hexadecimal: %v", r)
	}
	b, err := os.ReadFile(filepath.Join(dir, "junit.xml"))
	var junit struct {
		Suites []struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
		} `xml:"testsuite"`
	}
	if err := errors.Join(err, xml.Unmarshal(b, &junit)); err != nil {
		t.Fatal(err)
	}
	if len(junit.Suites) != 1 || junit.Suites[0].Tests != 3 || junit.Suites[0].Failures != 1+1 {
		t.Errorf("junit.xml: %+v", junit)
	}
}
