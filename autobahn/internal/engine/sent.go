package engine

import (
	"bytes"
	"math/rand/v2"
)

// Sent returns the bytes that the tester sends in a case when the opening handshake is done, and
// what has been negotiated, nil for no compression. It is the same in every run. ok is false if
// what the tester sends depends on time, on what the testee sends, or on another opening handshake
// than the usual one. Server is the tester's role.
func Sent(s *Script, server bool) (b []byte, agreed *Parameters, ok bool) {
	if s.Hello != nil || s.Message != nil || s.Mute || s.Lazy {
		return nil, nil, false
	}
	c := &capture{done: make(chan struct{})}
	t := NewTester(s, c, server)
	t.state = open
	t.Key = rand.New(rand.NewPCG(1, 1)).Uint32
	if s.Deflate != nil {
		p := Parameters{}
		switch {
		case server && len(s.Deflate.Demands) > 0:
			p = s.Deflate.Demands[0]
		case !server && len(s.Deflate.Offers) > 0:
			p = s.Deflate.Offers[0]
		}
		t.Deflate = NewDeflation(p, server)
		t.Deflate.source = &Packer{Window: 1 << t.Deflate.Bits} // whose output is the same with every release of Go
		agreed = &p
	}
	ok = t.send(s.Steps)
	if ok && t.state == open && s.OK != nil && !s.KeepOpen && s.Close.ByMe {
		t.sendClose(1000, "") // as when all has come back
	}
	t.out.finish()
	<-c.done
	close(t.Gone)
	for _, timer := range t.timers {
		timer.Stop()
	}
	return c.Bytes(), agreed, ok
}

// send runs the steps that send something at once. It reports whether there are no others, apart
// from those that end the case in time.
func (t *Tester) send(steps []Step) bool {
	for _, s := range steps {
		switch s := s.(type) {
		case Later:
			return false
		case KillAfter, CloseAfter:
		case Compressed:
			if !t.send(s) {
				return false
			}
		default:
			s.Do(t)
		}
	}
	return true
}

// capture keeps what is written.
type capture struct {
	bytes.Buffer
	done chan struct{} // closed by Close
}

func (c *capture) Close() error {
	close(c.done)
	return nil
}
