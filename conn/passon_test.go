package conn

import "testing"

// TestPassOn: the peer of a second connection sees what that of the first one did.
func TestPassOn(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(*Conn)
		want CloseError
	}{
		{"code and reason", func(c *Conn) { check(c.Close(4001, "bye")) }, CloseError{Code: 4001, Reason: "bye", Remote: true}},
		{"no code", func(c *Conn) { check(c.Close(0, "")) }, CloseError{Code: CloseNoStatus, Remote: true}},
		{"cut", func(c *Conn) { check(c.CloseNow()) }, CloseError{Code: CloseAbnormal}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, proxyA := pipePair(t, 1<<16, Config{})
			proxyB, b := pipePair(t, 1<<16, Config{})
			ended := make(chan bool)
			go func() { test.end(a); close(ended) }()
			_, _, err := proxyA.Read(within(t))
			seen := make(chan error, 1)
			go func() {
				_, _, err := b.Read(within(t))
				seen <- err
			}()
			passed := err.(*CloseError).PassOn(proxyB)
			got := (<-seen).(*CloseError)
			if got.Code != test.want.Code || got.Reason != test.want.Reason || got.Remote != test.want.Remote {
				t.Errorf("the other peer saw %+v, want %+v", got, test.want)
			}
			if passed != nil {
				t.Errorf("PassOn = %v, want nil", passed)
			}
			<-ended
		})
	}
}
