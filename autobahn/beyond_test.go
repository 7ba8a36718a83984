package autobahn

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/rfc6455/ws/frame"
)

// TestBeyondVerdicts runs cases of the second catalogue against a testee that checks next to
// nothing, and against testees that differ from it in one thing.
func TestBeyondVerdicts(t *testing.T) {
	careless := testee{closeCode: 1000, fails: 1002}
	const badRequest = "HTTP/1.1 400 x\r\nContent-Length: 2\r\n\r\nno"
	const notFound = "HTTP/1.1 404 x\r\nContent-Length: 2\r\n\r\nno"
	mirror := func(params string) testee {
		return testee{closeCode: 1000, extension: "permessage-deflate" + params, mirror: true}
	}
	with := func(change func(e *testee)) testee {
		e := careless
		change(&e)
		return e
	}
	for _, test := range []struct {
		name   string
		testee testee
		id     string
		want   string
	}{
		{"careless", careless, "rfc.HS-4.2-20.1", OK},
		{"careless", careless, "rfc.HS-4.2-05.1", Failed}, // takes any key
		{"careless", careless, "rfc.HS-4.2-21.1", Failed}, // takes any version
		{"careless", careless, "rfc.RX-5.1-01.1", Failed},
		{"careless", careless, "rfc.RX-5.2-05.3", OK},
		{"careless", careless, "rfc.RX-5.4-05.1", OK},
		{"careless", careless, "rfc.RX-5.4-06.1", OK},
		{"careless", careless, "rfc.RX-5.5-07.1", OK},
		{"careless", careless, "rfc.CL-5.5-02.1", OK},
		{"careless", careless, "rfc.CL-7.4-05.1", Failed},
		{"careless", careless, "rfc.PD-7.2.2-06.1", Unimplemented},
		{"careless", careless, "rfc.deflate.6.3.1", Unimplemented},
		{"careless", careless, "rfc.RX-5.4-07.1", OK},
		{"masks", with(func(e *testee) { e.masked = true }), "rfc.RX-5.4-07.1", Failed},
		{"ends TCP for a violation", with(func(e *testee) { e.drops = true }), "rfc.CL-7.1-16.1", Failed},
		{"ends TCP for a violation", with(func(e *testee) { e.drops = true }), "rfc.CL-7.1-15.1", OK},
		{"leaves TCP open", with(func(e *testee) { e.keepTCP = true }), "rfc.CL-5.5-02.1", Failed},
		{"answers with another code", with(func(e *testee) { e.closeCode = 1001 }), "rfc.CL-5.5-02.1", Failed},
		{"answers 1012 with 1012", with(func(e *testee) { e.closeCode = 1012 }), "rfc.CL-7.4-26.1", OK},
		{"chooses what was not offered", with(func(e *testee) { e.extension = "permessage-deflate" }), "rfc.HS-4.2-20.1", Failed},
		{"has a parameter that was not asked for", with(func(e *testee) { e.extension = "permessage-deflate; client_max_window_bits=9" }), "rfc.PD-7.1.2-15.1", Failed},
		{"has a length", with(func(e *testee) { e.header = "Content-Length: 0\r\n" }), "rfc.HT-9110-20.1", Failed},
		{"careless", careless, "rfc.HT-9110-20.1", OK},
		{"careless", careless, "rfc.HS-4.2-29.1", Failed}, // takes any key
		{"refuses", with(func(e *testee) { e.refusal = badRequest }), "rfc.HS-4.2-29.1", OK},
		{"refuses and leaves TCP open", with(func(e *testee) { e.refusal, e.keepTCP = badRequest, true }), "rfc.HS-4.2-29.1", Failed},
		{"refuses and goes on", with(func(e *testee) { e.refusal = badRequest + "\x88\x00" }), "rfc.HS-4.2-30.1", Failed},
		{"refuses without Allow", with(func(e *testee) { e.refusal = "HTTP/1.1 405 x\r\n\r\n" }), "rfc.HS-4.2-01.1", Failed},
		{"refuses with Allow", with(func(e *testee) { e.refusal = "HTTP/1.1 405 x\r\nAllow: GET\r\n\r\n" }), "rfc.HS-4.2-01.1", OK},
		{"sends 100 first", with(func(e *testee) { e.refusal = "HTTP/1.1 100 x\r\n\r\nHTTP/1.1 417 x\r\n\r\n" }), "rfc.HT-9110-15.1", OK},
		{"sends 100 alone", with(func(e *testee) { e.refusal = "HTTP/1.1 100 x\r\n\r\n" }), "rfc.HT-9110-15.1", Failed},
		{"careless", careless, "rfc.TX-5.1-14.1", OK},
		{"masks", with(func(e *testee) { e.masked = true }), "rfc.TX-5.1-14.1", Failed},
		{"careless", careless, "rfc.TX-5.2-17.1", OK},
		{"has long lengths", with(func(e *testee) { e.long = true }), "rfc.TX-5.2-17.1", Failed},
		{"careless", careless, "rfc.RX-5.7-12.1", OK},
		{"answers a ping before the messages", with(func(e *testee) { e.holds = true }), "rfc.RX-5.7-12.1", OK},
		{"refuses, as a router does", with(func(e *testee) { e.refusal = notFound }), "rfc.HS-4.2-13.1", OK},
		{"refuses, as a router does", with(func(e *testee) { e.refusal = notFound }), "rfc.HS-4.2-13.2", OK},
		{"refuses, as a router does", with(func(e *testee) { e.refusal = notFound }), "rfc.HS-4.2-13.3", OK},
		{"careless", careless, "rfc.CL-5.5-14.1", OK},
		{"ignores a violation", with(func(e *testee) { e.fails = 0 }), "rfc.CL-5.5-14.1", Failed},
		{"leaves TCP open", with(func(e *testee) { e.keepTCP = true }), "rfc.CL-5.5-12.1", Failed},
		{"careless", careless, "rfc.CL-5.5-09.1", OK},
		{"talks on", with(func(e *testee) { e.talks = true }), "rfc.CL-5.5-09.1", Failed},
		{"mirror", mirror(""), "rfc.PD-7.2.1-05.1", OK},
		{"mirror", mirror(""), "rfc.PD-6.1-01.1", OK},
		{"mirror", mirror(""), "rfc.PD-7.1.2-20.1", OK},
		{"mirror", mirror(""), "rfc.PD-8-19.1", Failed},
		{"mirror", mirror("; server_no_context_takeover; client_no_context_takeover"), "rfc.PD-7.1-20.1", OK},
		{"refers back", mirror("; server_no_context_takeover"), "rfc.PD-7.1-20.1", Failed},
		{"keeps the window", mirror("; server_max_window_bits=9; client_max_window_bits=9"), "rfc.PD-7.1.2-11.3", OK},
		{"looks too far back", mirror("; server_max_window_bits=9"), "rfc.PD-7.1.2-11.3", Failed},
		{"accepts an offer that is not valid", with(func(e *testee) { e.extension = "permessage-deflate" }), "rfc.PD-7-01.1", Failed},
	} {
		t.Run(test.name+"/"+test.id, func(t *testing.T) {
			if o := test.testee.run(t, test.id, 0); o.Result().Behavior != test.want {
				t.Errorf("got %s, want %s: %s", o.Result().Behavior, test.want, o)
			}
		})
	}
}

// TestEverythingThere: a case of the second catalogue ends when as many messages and pongs have
// come as are due, right or wrong, and does not wait for more.
func TestEverythingThere(t *testing.T) {
	wrong := testee{closeCode: 1000, fails: 1002, change: "x"}
	o := wrong.run(t, "rfc.RX-5.7-12.1", 10)
	if o.Result().Behavior != Failed || o.Result().BehaviorClose != OK {
		t.Errorf("got %s, want FAILED, close OK", o)
	}
	if took := o.Result().Duration; took >= 1000 {
		t.Errorf("the case took %d ms with all frames there", took)
	}
}

// refuses reports whether a client has to refuse what a case sends.
func refuses(c *Case) bool { return strings.Contains(c.Expectation, "closes TCP and sends nothing") }

// TestBeyondJudgesClients runs cases about responses against a client that takes all of them,
// and against one that takes none.
func TestBeyondJudgesClients(t *testing.T) {
	s := &Server{Cases: Pick(BeyondClients(), []string{"rfc.HC-4.1-23*", "rfc.HC-4.1-30*"}, nil)}
	addr := fuzzingServer(t, s)
	for n, c := range s.Cases {
		target := fmt.Sprintf("/runCase?case=%d&agent=", n+1)
		credulous := visitServer(t, addr, target+"credulous", 101)
		if refuses(c) {
			credulous.send(frame.Text, []byte("hi"))
		} else {
			credulous.echo()
		}
		visitServer(t, addr, target+"wary", 101).Close()
		for agent, want := range map[string]string{"credulous": OK, "wary": Failed} {
			if refuses(c) {
				want = map[string]string{OK: Failed, Failed: OK}[want]
			}
			if o := <-awaitOutcome(&s.Report, agent, c.ID); o.Result().Behavior != want {
				t.Errorf("%s: got %s, want %s", agent, o, want)
			}
		}
	}
}

// TestBeyondJudgesRequests has clients come whose requests are wrong in one way.
func TestBeyondJudgesRequests(t *testing.T) {
	s := &Server{Cases: Pick(BeyondClients(), []string{"rfc.HC-4.1-*"}, nil)}
	addr := fuzzingServer(t, s)
	key := randomKey()
	for _, test := range []struct {
		name, id   string
		host       string // instead of the server's
		old, new   string // of the header lines
		early, bad bool
	}{
		{name: "good", id: "HC-4.1-05"},
		{name: "good", id: "HC-4.1-06"},
		{name: "good", id: "HC-4.1-10"},
		{name: "good", id: "HC-4.1-11"},
		{name: "good", id: "HC-4.1-13"},
		{name: "subprotocols", id: "HC-4.1-11", old: "Pragma: x", new: "Sec-WebSocket-Protocol: a, b"},
		{name: "user in Host", id: "HC-4.1-06", host: "u@" + addr, bad: true},
		{name: "first key", id: "HC-4.1-08", old: randomKey(), new: key},
		{name: "the same key", id: "HC-4.1-08", new: key, bad: true},
		{name: "bits in the padding", id: "HC-4.1-08", new: "AQIDBAUGBwgJCgsMDQ4PEC==", bad: true},
		{name: "another version", id: "HC-4.1-10", old: "Version: 13", new: "Version: 8", bad: true},
		{name: "a subprotocol twice", id: "HC-4.1-11", old: "Pragma: x", new: "Sec-WebSocket-Protocol: a, a", bad: true},
		{name: "an accept", id: "HC-4.1-14", old: "Pragma: x", new: "Sec-WebSocket-Accept: x", bad: true},
		{name: "impatient", id: "HC-4.1-13", early: true, bad: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			id := "rfc." + test.id + ".1"
			use := randomKey()
			if test.id == "HC-4.1-08" {
				use = test.new
			}
			lines := "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + use + "\r\nPragma: x"
			if test.id != "HC-4.1-08" && test.old != "" {
				lines = strings.Replace(lines, test.old, test.new, 1)
			}
			host := test.host
			if host == "" {
				host = addr
			}
			nc, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			agent := strings.ReplaceAll(test.name, " ", "_")
			fmt.Fprintf(nc, "GET /runCase?casetuple=%s&agent=%s HTTP/1.1\r\nHost: %s\r\n%s\r\n\r\n", id, agent, host, lines)
			c := &client{nc, bufio.NewReader(nc)}
			if test.early { // what is to come back, so that nothing else is wrong
				c.send(frame.Text, []byte("hi"))
			}
			if _, err := http.ReadResponse(c.r, nil); err != nil {
				t.Fatal(err)
			}
			if test.early {
				c.end()
			}
			c.echo()
			if o := <-awaitOutcome(&s.Report, agent, id); (o.Result().Behavior != OK) != test.bad {
				t.Error(o)
			}
		})
	}
}

// TestBeyondJudgesAnswers has clients come that do not offer that their window be bound. They
// have to refuse an answer that bounds it.
func TestBeyondJudgesAnswers(t *testing.T) {
	s := &Server{Cases: Pick(BeyondClients(), []string{"rfc.PD-7.1.2-16*", "rfc.HT-9110-21*"}, nil)}
	addr := fuzzingServer(t, s)
	run := func(agent, id, offer string, takes bool) string {
		lines := []string{"Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + randomKey()}
		if offer != "" {
			lines = append(lines, "Sec-WebSocket-Extensions: "+offer)
		}
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(nc, "GET /runCase?casetuple=%s&agent=%s HTTP/1.1\r\nHost: %s\r\n%s\r\n\r\n", id, agent, addr, strings.Join(lines, "\r\n"))
		c := &client{nc, bufio.NewReader(nc)}
		for line := ""; line != "\r\n"; {
			if line, err = c.r.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		if takes {
			c.send(frame.Text, []byte("hi"))
			c.echo()
		}
		nc.Close()
		return (<-awaitOutcome(&s.Report, agent, id)).Result().Behavior
	}
	const bound = "permessage-deflate; client_max_window_bits"
	for _, test := range []struct {
		agent, id, offer string
		takes            bool
		want             string
	}{
		{"no_offer_taken", "rfc.PD-7.1.2-16.1", "", true, Failed},
		{"no_offer_refused", "rfc.PD-7.1.2-16.1", "", false, OK},
		{"not_to_be_bound_taken", "rfc.PD-7.1.2-16.1", "permessage-deflate", true, Failed},
		{"not_to_be_bound_refused", "rfc.PD-7.1.2-16.1", "permessage-deflate", false, OK},
		{"to_be_bound_refused", "rfc.PD-7.1.2-16.1", bound, false, Failed},
		{"either_refused", "rfc.HT-9110-21.1", "", false, OK},
	} {
		if got := run(test.agent, test.id, test.offer, test.takes); got != test.want {
			t.Errorf("%s: %s, want %s", test.agent, got, test.want)
		}
	}
}
