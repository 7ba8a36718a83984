package cases

import (
	"fmt"

	"github.com/rfc6455/ws/autobahn/internal/engine"
	"github.com/rfc6455/ws/frame"
)

// digits and octets are repeated in long messages, of text and of binary data.
const (
	digits = "BAsd7&jh23"
	octets = "\x00\xfe\x23\xfa\xf0"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

// limitCases are section 9.
func limitCases() []*script {
	var cases []*script
	for _, kind := range []struct {
		name          string
		binary        bool
		large, pieces int // groups
		waits         []closeAfter
	}{
		{"text", false, 1, 5, []closeAfter{10, 10, 100, 100, 100, 100}},
		{"binary", true, 2, 6, []closeAfter{10, 10, 10, 10, 100, 100}},
	} {
		op, filler := frame.Text, digits
		if kind.binary {
			op, filler = frame.Binary, octets
		}
		var large, fragmented, chopped []*script
		for i, size := range []int{64 * kib, 256 * kib, mib, 4 * mib, 8 * mib, 16 * mib} {
			c := oneEcho(size, kind.binary, kind.waits[i]*closeAfter(second), send{Op: op, Payload: filler, Length: size})
			c.Description = fmt.Sprintf("Send a %s message of %s.", kind.name, sizeText(size))
			large = append(large, c)
		}
		for i := range 9 {
			size := 64 << (2 * i)
			filler := "*"
			if kind.binary && i == 0 {
				filler = "\xfe"
			}
			// The payload is made when it is needed. Otherwise each case would hold 4 MiB.
			c := oneEcho(4*mib, kind.binary, closeAfter(100*second), doing(func(t *tester) {
				t.Say(engine.Cycle(filler, 4*mib), kind.binary, size)
			}))
			c.Description = fmt.Sprintf("Send a %s message of 4 MiB in fragments of %s.", kind.name, sizeText(size))
			fragmented = append(fragmented, c)
		}
		for i := range 6 {
			chop := 64 << i
			c := oneEcho(mib, kind.binary, closeAfter(1000*second), send{Op: op, Payload: filler, Length: mib, Chop: chop})
			c.Description = fmt.Sprintf("Send a %s message of 1 MiB, %s at a time.", kind.name, sizeText(chop))
			chopped = append(chopped, c)
		}
		cases = append(cases, number(fmt.Sprintf("9.%d", kind.large), large)...)
		cases = append(cases, number(fmt.Sprintf("9.%d", kind.large+2), fragmented)...)
		cases = append(cases, number(fmt.Sprintf("9.%d", kind.pieces), chopped)...)
	}
	return append(cases, roundTripCases()...)
}

// sizeText returns a number of octets in words.
func sizeText(n int) string {
	switch {
	case n >= mib:
		return fmt.Sprintf("%d MiB", n/mib)
	case n >= kib:
		return fmt.Sprintf("%d KiB", n/kib)
	}
	return fmt.Sprintf("%d octets", n)
}

// oneEcho is a case that sends one message and wants one of the same type and length back.
func oneEcho(length int, binary bool, wait closeAfter, sending step) *script {
	return &script{
		Expectation: "A message of the same type and length comes back.",
		Steps:       []step{sending, wait}, Quiet: true, Timed: true,
		Message: func(t *tester, payload []byte, isBinary bool) {
			t.Rec.Enabled = true
			switch {
			case isBinary != binary:
				t.Result = "A message of the other type came back."
			case len(payload) != length:
				t.Result = fmt.Sprintf("A message of %d octets came back, and not of %d.", len(payload), length)
			default:
				t.Behavior, t.Result = engine.OK, fmt.Sprintf("A message of %d octets came back.", length)
			}
			t.CloseFrame(1000, "")
		},
	}
}

// roundTripCases are 9.7 and 9.8: many messages, one at a time.
func roundTripCases() []*script {
	var cases []*script
	waits := []closeAfter{60, 60, 60, 120, 240, 480}
	for group, kind := range []struct {
		name, filler string
		binary       bool
	}{{"text", "*", false}, {"binary", "\xfe", true}} {
		var trips []*script
		for i, size := range []int{0, 16, 64, 256, 1024, 4096} {
			payload := engine.Cycle(kind.filler, size)
			next := func(t *tester) {
				t.Echo.Sent++
				op := frame.Text
				if kind.binary {
					op = frame.Binary
				}
				t.Frame(send{Op: op}, payload)
			}
			trips = append(trips, &script{
				Description: fmt.Sprintf("Send %d %s messages of %d octets, each when the one before has come back.", engine.RoundTrips, kind.name, size),
				Expectation: "Each comes back with the same type and length.",
				Steps:       []step{doing(next), waits[i] * closeAfter(second)}, Quiet: true, Timed: true,
				Message: func(t *tester, got []byte, isBinary bool) {
					switch {
					case isBinary != kind.binary || len(got) != size:
						t.Result = "A message of another type or length came back."
					case t.Echo.Sent < t.RoundTrips:
						next(t)
						return
					default:
						t.Behavior, t.Result = engine.OK, "All messages came back in time."
					}
					t.Rec.Enabled = true
					t.CloseFrame(1000, "")
				},
			})
		}
		cases = append(cases, number(fmt.Sprintf("9.%d", 7+group), trips)...)
	}
	return cases
}
