package autobahn

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rfc6455/ws/frame"
)

func TestBeyondIsWellFormed(t *testing.T) {
	for role, cases := range map[string][]*Case{"servers": BeyondServers(), "clients": BeyondClients()} {
		seen := make(map[string]bool)
		for _, c := range cases {
			if seen[c.ID] || !strings.HasPrefix(c.ID, "rfc.") {
				t.Errorf("%s: the identifier %s is there twice, or not of this catalogue", role, c.ID)
			}
			seen[c.ID] = true
			if c.Description == "" || c.Expectation == "" || len(c.close.codes) == 0 {
				t.Errorf("%s: %s is not complete", role, c.ID)
			}
			if c.ok == nil && c.message == nil {
				t.Errorf("%s: %s cannot pass", role, c.ID)
			}
		}
		if len(cases) < 400 {
			t.Errorf("%s: %d cases", role, len(cases))
		}
	}
	if slices.ContainsFunc(BeyondClients(), func(c *Case) bool { return c.hello != nil && c.hello.statuses != nil }) {
		t.Error("a case for servers is among those for clients")
	}
}

func TestOpeningApply(t *testing.T) {
	const text = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n"
	h := &opening{edits: []edit{{"HTTP/1.1", "HTTP/1.0"}, {"Host:", ""}, {"Upgrade:", "Upgrade: x\r\nA: b\r\n"}}, after: "end"}
	if got, want := h.apply(text), "GET / HTTP/1.0\r\nUpgrade: x\r\nA: b\r\n\r\nend"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := (*opening)(nil).apply(text); got != text {
		t.Errorf("without edits: %q", got)
	}
}

// TestBeyondVerdicts runs cases of the second catalogue against a testee that checks
// next to nothing, and some that are better at one thing.
func TestBeyondVerdicts(t *testing.T) {
	careless := testee{closeCode: 1000, fails: 1002}
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
		{"has a parameter that was not asked for", with(func(e *testee) { e.extension = "permessage-deflate; client_max_window_bits=9" }), "rfc.PD-7.1.2-13.1", Failed},
		{"accepts an offer that is not valid", with(func(e *testee) { e.extension = "permessage-deflate" }), "rfc.PD-7-01.1", Failed},
	} {
		t.Run(test.name+"/"+test.id, func(t *testing.T) {
			t.Parallel()
			var report Report
			c := Client{URL: test.testee.serve(t), Agent: "x", Cases: Pick(BeyondServers(), []string{test.id}, nil)}
			if err := c.Run(context.Background(), &report); err != nil {
				t.Fatal(err)
			}
			all := report.all()
			if len(all) != 1 {
				t.Fatalf("%d outcomes, want one", len(all))
			}
			if got := all[0].verdict; got.Behavior != test.want {
				t.Errorf("got %s (%s %s), want %s", got.Behavior, got.Result, got.ResultClose, test.want)
			}
		})
	}
}

// TestBeyondJudgesClients runs cases about responses against a client that takes all
// of them, and one that takes none.
func TestBeyondJudgesClients(t *testing.T) {
	s := &Server{Cases: Pick(BeyondClients(), []string{"rfc.HC-4.1-23*", "rfc.HC-4.1-30*"}, nil)}
	addr := fuzzingServer(t, s)
	for n, c := range s.Cases {
		target := fmt.Sprintf("/runCase?case=%d&agent=", n+1)
		credulous := visitServer(t, addr, target+"credulous", 101)
		if c.hello.refuse {
			credulous.send(frame.Text, []byte("hi"))
		} else {
			credulous.echo()
		}
		visitServer(t, addr, target+"wary", 101).Close()
		for agent, want := range map[string]string{"credulous": OK, "wary": Failed} {
			if c.hello.refuse {
				want = map[string]string{OK: Failed, Failed: OK}[want]
			}
			if o := <-s.Report.await(agent, c.ID); o.verdict.Behavior != want {
				t.Errorf("%s, %s: got %s (%s), want %s", c.ID, agent, o.verdict.Behavior, o.verdict.Result, want)
			}
		}
	}
}

func TestDiffer(t *testing.T) {
	random, counter, twice := make([]uint32, 100), make([]uint32, 100), make([]uint32, 100)
	for i := range random {
		random[i] = uint32(i+1) * uint32(i+1) * 2654435761
		counter[i] = uint32(i) + 7
		twice[i] = random[i/2]
	}
	if !differ(random) || differ(counter) || differ(twice) || differ(random[:manyKeys-1]) || differ(make([]uint32, 100)) {
		t.Error("keys are judged wrongly")
	}
}
