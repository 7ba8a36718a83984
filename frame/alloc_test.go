package frame_test

import (
	"bytes"
	"testing"

	"github.com/rfc6455/ws/frame"
)

// Neither a message nor a control frame that comes in one piece allocates.
func TestAllocs(t *testing.T) {
	if underRace {
		t.Skip("the race detector allocates")
	}
	payload := bytes.Repeat([]byte("0123456789αβγδε "), 10)
	h := frame.Header{Opcode: frame.Text, Fin: true, Key: 0x3d21fa37}
	for _, role := range bothRoles {
		t.Run(role.String(), func(t *testing.T) { wantNoAllocs(t, role, payload, h) })
	}
}

func wantNoAllocs(t *testing.T, role frame.Role, payload []byte, h frame.Header) {
	e := frame.Encoder{Role: role.Peer()}
	d := frame.Decoder{Role: role}
	buf := make([]byte, 0, 1024)
	for name, f := range map[string]func(){
		"Parse and Append": func() {
			got, n, err := frame.Parse(frame.Append(buf[:0], frame.Header{Length: 70000, Masked: true, Key: 7}))
			if got.Length != 70000 || n != frame.MaxHeaderSize || err != nil {
				t.Fatal(got, n, err)
			}
		},
		"Step": func() {
			b, _ := e.AppendFrame(buf[:0], h, payload)
			if ev, n, err := d.Step(b); !ev.Fin || n != len(b) || err != nil {
				t.Fatal(ev, n, err)
			}
		},
		"Take": func() {
			b, _ := e.AppendFrame(buf[:0], h, payload)
			n := len(b) - len(payload)
			if _, _, err := d.Step(b[:n]); err != nil || d.Take(b[n:]) != nil {
				t.Fatal(err)
			}
		},
		"split header": func() {
			b, _ := e.AppendFrame(buf[:0], h, payload)
			d.Step(b[:1])
			d.Step(b[1:3])
			if ev, _, err := d.Step(b[3:]); !ev.Fin || err != nil {
				t.Fatal(ev, err)
			}
		},
		"control": func() {
			b, _ := e.AppendFrame(buf[:0], frame.Header{Opcode: frame.Ping, Fin: true, Key: 9}, payload[:100])
			if ev, _, err := d.Step(b); ev.Kind != frame.Control || err != nil {
				t.Fatal(ev, err)
			}
		},
		"close payload": func() {
			b, _ := frame.AppendClose(buf[:0], frame.GoingAway, "bye")
			if code, _, err := frame.ParseClose(b); code != frame.GoingAway || err != nil {
				t.Fatal(code, err)
			}
		},
	} {
		if n := testing.AllocsPerRun(50, f); n != 0 {
			t.Errorf("%s: %v allocations, want none", name, n)
		}
	}
}
