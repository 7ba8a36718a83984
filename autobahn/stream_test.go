package autobahn

import (
	"bufio"
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// pipeTestee returns a function that connects to a testee through memory. The testee
// answers any offer with extension.
func pipeTestee(e testee, extension string) func(context.Context, string) (Stream, string, error) {
	return func(_ context.Context, offer string) (Stream, string, error) {
		near, far := net.Pipe()
		go func() {
			defer far.Close()
			e.echo(far, bufio.NewReader(far))
		}()
		if offer == "" {
			return near, "", nil
		}
		return near, extension, nil
	}
}

func TestClientOpen(t *testing.T) {
	good := testee{closeCode: 1000, fails: 1002}
	refused := func(context.Context, string) (Stream, string, error) { return nil, "", errors.New("no") }
	for _, test := range []struct {
		name string
		open func(context.Context, string) (Stream, string, error)
		id   string
		want string // behavior, behaviorClose
	}{
		{"good", pipeTestee(good, ""), "1.1.2", "OK OK"},
		{"violation", pipeTestee(good, ""), "3.2", "OK OK"},
		{"not negotiated", pipeTestee(good, ""), "12.1.1", "UNIMPLEMENTED OK"},
		{"answer that is not valid", pipeTestee(good, "permessage-deflate; x"), "12.1.1", "FAILED FAILED"},
		{"refused", refused, "1.1.2", "FAILED FAILED"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var report Report
			c := Client{Agent: "x", Cases: Pick(Catalogue(), []string{test.id}, nil), Open: test.open}
			c.Cases = append(c.Cases, Pick(BeyondServers(), []string{"rfc.HS-4.2-05.1"}, nil)...)
			if err := c.Run(context.Background(), &report); err != nil {
				t.Fatal(err)
			}
			all := outcomesOf(&report)
			if len(all) != 1 {
				t.Fatalf("%d outcomes, want one: that case is about HTTP/1.1", len(all))
			}
			if got := verdictOf(all[0]); got != test.want {
				t.Errorf("got %s, want %s: %s", got, test.want, all[0])
			}
		})
	}
}

// TestServerVisit has a client run cases through memory.
func TestServerVisit(t *testing.T) {
	ctx := context.Background()
	s := &Server{Cases: Pick(Catalogue(), []string{"1.1.2", "2.2", "12.1.1"}, nil), RoundTrips: 3}
	s.Cases = append(s.Cases, Pick(BeyondClients(), []string{"rfc.HC-4.1-20.1"}, nil)...)
	var answer string
	visit := func(target, offer string, do func(c *client)) error {
		near, far := net.Pipe()
		defer near.Close()
		done := make(chan error, 1)
		go func() {
			done <- s.Visit(ctx, target, offer, func(a string) (Stream, error) {
				answer = a
				return far, nil
			})
			far.Close()
		}()
		do(&client{near, bufio.NewReader(near)})
		return <-done
	}
	err := visit("/getCaseCount", "", func(c *client) {
		if got := c.message(t); got != "4" {
			t.Errorf("getCaseCount: %s", got)
		}
		c.echo()
	})
	if err != nil {
		t.Errorf("getCaseCount: %v", err)
	}
	const offer = "permessage-deflate; client_max_window_bits"
	for _, test := range []struct{ target, offer, answer, want string }{
		{"/runCase?case=1&agent=x", offer, "", OK},
		{"/runCase?case=2&agent=x", "", "", OK},
		{"/runCase?case=3&agent=x", offer, "permessage-deflate", Failed}, // the client does not know how
	} {
		if err := visit(test.target, test.offer, (*client).echo); err != nil || answer != test.answer {
			t.Errorf("%s: answer %q, want %q; %v", test.target, answer, test.answer, err)
		}
	}
	for id, want := range map[string]string{"1.1.2": OK, "2.2": OK, "12.1.1": Failed} {
		if o := <-awaitOutcome(&s.Report, "x", id); o.Result().Behavior != want {
			t.Errorf("%s: %s, want %s", id, o.Result().Behavior, want)
		}
	}
	for _, bad := range []string{"/runCase?case=4&agent=x", "/runCase?case=5&agent=x", "/runCase", "x y"} {
		if err := visit(bad, "", (*client).echo); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
	if err := visit("/getCaseCount", "permessage-deflate; x", (*client).echo); err == nil {
		t.Error("an offer that is not valid: no error")
	}
}

// TestServerPatience has a client that is slow to answer a Close frame.
func TestServerPatience(t *testing.T) {
	for patience, want := range map[int]string{0: Unclean, 10: OK} {
		synctest.Test(t, func(t *testing.T) {
			s := &Server{Cases: Pick(Catalogue(), []string{"1.1.1"}, nil), Patience: patience}
			near, far := net.Pipe()
			go func() {
				defer near.Close()
				c := &client{near, bufio.NewReader(near)}
				c.echoLate(late)
			}()
			open := func(string) (Stream, error) { return far, nil }
			if err := s.Visit(t.Context(), "/runCase?case=1&agent=x", "", open); err != nil {
				t.Fatal(err)
			}
			if o := <-awaitOutcome(&s.Report, "x", "1.1.1"); o.Result().BehaviorClose != want {
				t.Errorf("patience %d: close %s, want %s: %s", patience, o.Result().BehaviorClose, want, o)
			}
			time.Sleep(late) // the bubble's clock stops with this function: let the client end first
		})
	}
}
