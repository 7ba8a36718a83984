package conn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
)

// closing is a script that accepts the handshake, serves for life and closes with code. Code 1006
// cuts the connection.
func closing(life time.Duration, code CloseCode) script {
	return func(nc net.Conn) {
		r := readRequest(nc, nil)
		if r == nil {
			return
		}
		if _, err := nc.Write([]byte(switching(r))); err != nil {
			return
		}
		time.Sleep(life)
		if code == CloseAbnormal {
			return
		}
		c := New(nc, RoleServer, Negotiated{}, Config{})
		_ = c.Close(code, "")
	}
}

func refuse(status int, lines ...string) script {
	return respond(fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Length: 0\r\n%s\r\n\r\n", status, strings.Join(lines, "\r\n")))
}

// episode is what a loop over Reconnect saw at a time.
type episode struct {
	at   time.Duration // since the end of the episode before
	conn bool
	err  error
}

// reconnectLoop serves what Reconnect yields until the loop ends.
func reconnectLoop(ctx context.Context, d *Dialer) (seen []episode) {
	last := time.Now()
	for c, err := range d.Reconnect(ctx, "ws://server/") {
		seen = append(seen, episode{time.Since(last), c != nil, err})
		if err == nil {
			_ = c.Serve(ctx, nil)
			select {
			case <-c.Done():
			case <-ctx.Done():
			}
		}
		last = time.Now()
	}
	return seen
}

// reconnecting runs f with a Dialer whose dials lead to the scripts.
func reconnecting(t *testing.T, f func(d *Dialer), scripts ...script) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		dial, _ := scripted(t, scripts...)
		f(&Dialer{NetDial: dial, Proxy: NoProxy})
	})
}

func wantWait(t *testing.T, seen []episode, n int, least, most time.Duration) {
	t.Helper()
	const answer = 50 * time.Millisecond // for the time of a dial, which has timers of its own
	if len(seen) <= n {
		t.Fatalf("%d attempts, want more than %d", len(seen), n)
	}
	if got := seen[n].at; got < least || got > most+answer {
		t.Errorf("the wait before attempt %d is %v, want %v to %v", n, got, least, most)
	}
}

// TestReconnect: a client comes back, waits longer and longer, and begins anew after a connection
// that has lasted.
func TestReconnect(t *testing.T) {
	reconnecting(t, func(d *Dialer) {
		seen := reconnectLoop(bg, d)
		var kinds []bool
		for _, e := range seen {
			kinds = append(kinds, e.conn)
		}
		if want := []bool{true, false, false, true, true, true, false, true}; !slices.Equal(kinds, want) {
			t.Fatalf("connections: %v, want %v", kinds, want)
		}
		s := time.Second
		wantWait(t, seen, 0, 0, 0)
		wantWait(t, seen, 1, 0, 5*s)    // after 1001
		wantWait(t, seen, 2, 5*s, 10*s) // after a refusal
		wantWait(t, seen, 3, 10*s, 20*s)
		wantWait(t, seen, 4, 20*s, 40*s) // after a connection that did not last
		wantWait(t, seen, 5, 0, 5*s)     // after one that did
		wantWait(t, seen, 6, 0, 5*s)
		wantWait(t, seen, 7, 5*s, 10*s)
	},
		closing(time.Minute, CloseGoingAway), refuse(503), refuse(502), closing(time.Second, CloseInternalError),
		closing(time.Minute, CloseAbnormal), closing(time.Minute, CloseGoingAway), refuse(500), closing(time.Minute, CloseNormal))
}

// TestReconnectMax: no wait is longer than Retry.Max.
func TestReconnectMax(t *testing.T) {
	scripts := make([]script, 12)
	for i := range scripts {
		scripts[i] = refuse(503)
	}
	reconnecting(t, func(d *Dialer) {
		d.Retry = Retry{First: time.Second, Max: 3 * time.Second}
		seen := reconnectLoop(bg, d)
		wantWait(t, seen, 1, 0, time.Second)
		wantWait(t, seen, 2, time.Second, 2*time.Second)
		for n := 3; n <= 12; n++ {
			wantWait(t, seen, n, 1500*time.Millisecond, 3*time.Second)
		}
		if last := seen[len(seen)-1]; len(seen) != 13 || !strings.Contains(last.err.Error(), "404") {
			t.Errorf("%d attempts, the last one with %v; want 13 and a status of 404", len(seen), last.err)
		}
	}, append(scripts, refuse(404))...)
}

// TestReconnectPermanent: which ends are the last ones.
func TestReconnectPermanent(t *testing.T) {
	for name, test := range map[string]struct {
		script script
		errs   int // errors that the loop saw
		again  bool
	}{
		"1000": {closing(0, 1000), 0, false}, "1001": {closing(0, 1001), 0, true}, "1002": {closing(0, 1002), 1, false},
		"1003": {closing(0, 1003), 1, false}, "cut": {closing(0, 1006), 0, true}, "1007": {closing(0, 1007), 1, false},
		"1008": {closing(0, 1008), 1, false}, "1009": {closing(0, 1009), 1, false}, "1010": {closing(0, 1010), 1, false},
		"1011": {closing(0, 1011), 0, true}, "1012": {closing(0, 1012), 0, true}, "1013": {closing(0, 1013), 0, true},
		"3000": {closing(0, 3000), 1, false}, "4999": {closing(0, 4999), 1, false},
		"400": {refuse(400), 1, false}, "403": {refuse(403), 1, false}, "408": {refuse(408), 1, true}, "425": {refuse(425), 1, true},
		"429": {refuse(429), 1, true}, "500": {refuse(500), 1, true}, "501": {refuse(501), 1, false}, "505": {refuse(505), 1, false},
		"200": {refuse(200), 1, true}, "nothing": {func(net.Conn) {}, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			reconnecting(t, func(d *Dialer) {
				seen := reconnectLoop(bg, d)
				errs := 0
				for _, e := range seen {
					if e.err != nil {
						errs++
					}
				}
				again := seen[len(seen)-1].conn && len(seen) > 1
				if errs != test.errs || again != test.again {
					t.Errorf("saw %d errors, came back: %t; want %d, %t: %v", errs, again, test.errs, test.again, seen)
				}
			}, test.script, closing(0, CloseNormal))
		})
	}
}

// TestReconnectDecides: Retry.Permanent has the last word, and Retry.Attempt says where to go.
func TestReconnectDecides(t *testing.T) {
	var tokens []string
	see := func(r *http.Request) { tokens = append(tokens, r.URL.Path+" "+r.Header.Get("Authorization")) }
	unauthorized := func(nc net.Conn) {
		readRequest(nc, see)
		_, _ = nc.Write([]byte("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"))
	}
	reconnecting(t, func(d *Dialer) {
		var asked []bool
		d.Retry.Permanent = func(err error, usual bool) bool {
			asked = append(asked, usual)
			return !isErr[*HandshakeError](err)
		}
		d.Retry.Attempt = func(_ context.Context, n int) (string, http.Header, error) {
			return fmt.Sprint("ws://server/", n), http.Header{"Authorization": {fmt.Sprint("token ", n)}}, nil
		}
		seen := reconnectLoop(bg, d)
		if want := []string{"/0 token 0", "/1 token 1"}; !slices.Equal(tokens, want) {
			t.Errorf("the server saw %q, want %q", tokens, want)
		}
		if want := []bool{true, true, false}; !slices.Equal(asked, want) {
			t.Errorf("Permanent was asked about errors that are usually permanent: %v, want %v", asked, want)
		}
		if n := len(seen); n != 4 || seen[3].err == nil {
			t.Errorf("saw %v, want two refusals, a connection and its end, which was made permanent", seen)
		}
	}, unauthorized, unauthorized, closing(0, CloseGoingAway))
}

// TestReconnectAttemptFails: no token is a failed attempt, and a wrong URL is the last one.
func TestReconnectAttemptFails(t *testing.T) {
	reconnecting(t, func(d *Dialer) {
		broken := errors.New("no token")
		d.Retry.Attempt = func(_ context.Context, n int) (string, http.Header, error) {
			if n < 2 {
				return "", nil, broken
			}
			return "gopher://server/", nil, nil
		}
		seen := reconnectLoop(bg, d)
		if len(seen) != 3 || seen[0].err != broken || seen[1].err != broken || seen[2].err == nil {
			t.Errorf("saw %v, want no token twice and then a URL that is wrong", seen)
		}
		wantWait(t, seen, 2, 5*time.Second, 10*time.Second)
	})
}

// TestReconnectRetryAfter: what the server asks for is honoured, and spread.
func TestReconnectRetryAfter(t *testing.T) {
	reconnecting(t, func(d *Dialer) {
		seen := reconnectLoop(bg, d)
		wantWait(t, seen, 1, 2*time.Minute, 2*time.Minute+5*time.Second)
		wantWait(t, seen, 2, time.Hour, time.Hour+5*time.Second)
	}, refuse(503, "Retry-After: 120"), refuse(429, "Retry-After: 100000000"), closing(0, CloseNormal))
}

// TestReconnectCancelled: the end of the context ends the loop at once, whatever it does, and leaves
// nothing open.
func TestReconnectCancelled(t *testing.T) {
	for name, first := range map[string]script{
		"waiting": refuse(503), "dialing": silent,
		"connected": func(nc net.Conn) { accept(nil)(nc); silent(nc) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(bg, 100*time.Millisecond)
				defer cancel()
				a, b := wstest.Pipe(1 << 16)
				go first(b)
				d := &Dialer{Proxy: NoProxy, Retry: Retry{First: time.Hour, Max: time.Hour}, Config: Config{CloseTimeout: time.Second}}
				d.NetDial = func(context.Context, string, string) (net.Conn, error) { return a, nil }
				began := time.Now()
				var last *Conn
				for c, err := range d.Reconnect(ctx, "ws://server/") {
					if last = c; err == nil {
						_ = c.Serve(ctx, nil)
					}
				}
				if d := time.Since(began); d > 2*time.Second {
					t.Errorf("the loop ended after %v, want about 100ms", d)
				}
				if last != nil {
					<-last.Done() // else the bubble is stuck
					wantSentCode(t, last, CloseGoingAway)
				}
				_ = b.Close()
			})
		})
	}
}

func wantSentCode(t *testing.T, c *Conn, want CloseCode) {
	t.Helper()
	var end *CloseError
	if !errors.As(c.Err(), &end) || end.Sent != want {
		t.Errorf("the connection ended with %v, want %v sent", c.Err(), want)
	}
}

// TestReconnectBreak: a body that breaks the loop keeps its connection, and this side may close it
// for good.
func TestReconnectBreak(t *testing.T) {
	reconnecting(t, func(d *Dialer) {
		for c, err := range d.Reconnect(bg, "ws://server/") {
			check(err)
			defer func() {
				if c.State() != StateOpen {
					t.Errorf("after a break the connection is %v, want open", c.State())
				}
				_ = c.CloseNow()
			}()
			break
		}
	}, closing(time.Second, CloseAbnormal))
	reconnecting(t, func(d *Dialer) {
		n := 0
		for c, err := range d.Reconnect(bg, "ws://server/") {
			if n++; n > 1 && err == nil {
				t.Error("came back after this side had closed with 4000")
			}
			if err == nil {
				go func() { _ = c.Close(4000, "enough") }() // the body returns before the end
			} else if code, _ := CloseStatus(err); code == 0 {
				t.Errorf("the loop ended with %v, want a *CloseError", err)
			}
		}
		if n != 2 {
			t.Errorf("the loop had %d turns, want 2", n)
		}
	}, echoing)
}

// echoing is a script of a server that echoes until the connection ends.
func echoing(nc net.Conn) {
	if r := readRequest(nc, nil); r != nil {
		_, _ = nc.Write([]byte(switching(r)))
		_ = New(nc, frame.Server, Negotiated{}, Config{}).Serve(bg, echo)
	}
}

// TestReconnectManyUses: one iterator may be used by many at a time.
func TestReconnectManyUses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &Dialer{Proxy: NoProxy, NetDial: func(context.Context, string, string) (net.Conn, error) {
			a, b := wstest.Pipe(1 << 16)
			go func() { defer b.Close(); closing(time.Second, CloseNormal)(b) }()
			return a, nil
		}}
		again := d.Reconnect(bg, "ws://server/")
		for range 10 {
			go func() {
				n := 0
				for c, err := range again {
					check(err)
					n++
					_ = c.Serve(bg, nil)
				}
				if n != 1 {
					t.Errorf("one use of the iterator had %d connections, want 1", n)
				}
			}()
		}
		synctest.Wait()
		time.Sleep(time.Minute)
	})
}
