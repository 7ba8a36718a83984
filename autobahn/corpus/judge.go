package corpus

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Judge compares an answer with its case. It returns "" if the answer is one of those that the case
// allows, and else what differs.
func Judge(c Case, a Answer) string {
	frames, err := split(a.Out, c.Role == "client")
	if err != nil {
		return "sent " + err.Error()
	}
	got := visible(a.Events, a.Pings)
	var differs string
	for i, want := range append([][]string{c.Events}, c.Also...) {
		fails := len(want) > 0 && strings.HasPrefix(want[len(want)-1], "fail")
		if why := sameEvents(visible(want, a.Pings), got, frames); why != "" {
			if i == 0 {
				differs = why
			}
			continue
		}
		if i > 0 || slices.ContainsFunc(c.Out, func(out []string) bool { return sameFrames(out, frames, !fails) }) {
			return ""
		}
		differs = fmt.Sprintf("sent %s, want one of %s", strings.Join(frames, " "), alternatives(c.Out))
	}
	return differs
}

// visible is what an implementation reports: with or without pings.
func visible(events []string, pings bool) []string {
	return slices.DeleteFunc(slices.Clone(events), func(e string) bool {
		return e == "open" || !pings && (strings.HasPrefix(e, "ping") || strings.HasPrefix(e, "pong"))
	})
}

// sameEvents compares events. A failure shows in the Close frame that was sent for it: its code is
// one of those that the event names. An implementation may have sent none (RFC 6455 section 7.1.7).
func sameEvents(want, got, frames []string) string {
	differs := func() string {
		return fmt.Sprintf("%s, want %s", strings.Join(got, ", "), strings.Join(want, ", "))
	}
	if len(want) != len(got) {
		return differs()
	}
	for i, w := range want {
		codes, failure := strings.CutPrefix(w, "fail")
		switch {
		case !failure && w != got[i], failure && got[i] != "fail":
			return differs()
		case failure:
			for _, f := range frames {
				if code, ok := closeCode(f); ok && !slices.Contains(strings.Fields(codes), fmt.Sprint(code)) {
					return fmt.Sprintf("failed with %d, want%s", code, codes)
				}
			}
		}
	}
	return ""
}

// closeCode returns the code of a Close frame, 1005 if it has none.
func closeCode(f string) (int, bool) {
	if !strings.HasPrefix(f, "88") {
		return 0, false
	}
	b, err := hex.DecodeString(f[4:])
	if err != nil || len(b) < 2 {
		return 1005, true
	}
	return int(binary.BigEndian.Uint16(b)), true
}

// sameFrames compares frames. Of Close frames the codes alone count. If the connection goes on when
// the input ends, a Close frame may follow what was asked for.
func sameFrames(want, got []string, goesOn bool) bool {
	if goesOn && len(got) == len(want)+1 && strings.HasPrefix(got[len(want)], "88") && !slices.ContainsFunc(want, func(f string) bool { return strings.HasPrefix(f, "88") }) {
		got = got[:len(want)]
	}
	return slices.EqualFunc(want, got, func(w, g string) bool {
		wantCode, isClose := closeCode(w)
		if !isClose {
			return w == g
		}
		code, isClose := closeCode(g)
		return isClose && code == wantCode
	})
}

// split cuts what an implementation has sent into frames, unmasked. No frame of an answer is longer
// than a control frame may be.
func split(out string, masked bool) (frames []string, err error) {
	b, err := hex.DecodeString(out)
	if err != nil {
		return nil, fmt.Errorf("what is no hexadecimal text: %v", err)
	}
	for len(b) > 0 {
		n := 2
		if masked {
			n += 4
		}
		if len(b) < n || b[1]&0x80 != 0 != masked || len(b) < n+int(b[1]&0x7f) || b[1]&0x7f > 125 {
			return nil, fmt.Errorf("% x, which is no control frame of this role", b)
		}
		size := int(b[1] & 0x7f)
		f := append([]byte{b[0], byte(size)}, b[n:n+size]...)
		if masked {
			for i := range size {
				f[2+i] ^= b[2+i%4]
			}
		}
		frames = append(frames, hex.EncodeToString(f))
		b = b[n+size:]
	}
	return frames, nil
}

func alternatives(out [][]string) string {
	var all []string
	for _, o := range out {
		all = append(all, "["+strings.Join(o, " ")+"]")
	}
	return strings.Join(all, " ")
}
