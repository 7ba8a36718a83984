package autobahn

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// TestOrder looks at how long cases take together if connecting takes three seconds and nothing
// else takes longer than it has to.
func TestOrder(t *testing.T) {
	const connecting = 3 * time.Second
	cases := append(Pick(Catalogue(), []string{"1.1.1", "5.19", "9.1.1"}, nil), // zero, one and zero seconds
		Pick(BeyondServers(), []string{"rfc.HS-4.2-31.1"}, nil)...) // eleven
	for parallel, want := range map[int]time.Duration{
		1: 5*connecting + 12*time.Second, // one of them the trial's
		4: 2*connecting + 11*time.Second,
	} {
		synctest.Test(t, func(t *testing.T) {
			var report Report
			c := Client{URL: "ws://testee/", Agent: "x", Cases: cases, Parallel: parallel}
			c.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				time.Sleep(connecting) // by the bubble's clock
				return testee{closeCode: 1000}.dial(ctx, network, addr)
			}
			start := time.Now()
			if err := c.Run(t.Context(), &report); err != nil {
				t.Fatal(err)
			}
			if got := time.Since(start); got != want {
				t.Errorf("%d at once: %v, want %v", parallel, got, want)
			}
			for _, o := range report.Failures() {
				t.Error(o)
			}
		})
	}
}
