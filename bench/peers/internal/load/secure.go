//go:build linux

package load

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// openSecure makes the connections of a run over TLS, a batch at a time. The load generator uses
// crypto/tls and a goroutine for each of them. That costs more than an epoll loop, but the load
// generator is not what is measured.
func (r *Run) openSecure() (*Run, error) {
	for left := r.spec.Conns; left > 0; left -= batch {
		n := min(batch, left)
		opened := make(chan error, n)
		conns := make([]net.Conn, n)
		for i := range n {
			go func() { opened <- r.addSecure(&conns[i]) }()
		}
		var err error
		for range n {
			err = errors.Join(err, <-opened)
		}
		for _, c := range conns {
			if c != nil {
				r.secure = append(r.secure, c)
			}
		}
		if err != nil {
			r.Close()
			return nil, fmt.Errorf("over TLS: %w", err)
		}
	}
	return r, nil
}

// addSecure makes one connection, exchanges a few messages on it and compares the answers. It
// stores the connection in made, which the caller has to close in any case.
func (r *Run) addSecure(made *net.Conn) error {
	// The server has made its certificate itself, and there is nobody to protect.
	c, err := tls.Dial("tcp4", r.spec.Addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return err
	}
	*made = c
	_ = c.SetDeadline(time.Now().Add(stall))
	if _, err := c.Write(request(r.spec)); err != nil {
		return err
	}
	var head []byte
	for one := make([]byte, 1); !bytes.HasSuffix(head, []byte("\r\n\r\n")); {
		if _, err := c.Read(one); err != nil {
			return err
		}
		head = append(head, one[0])
	}
	if err := checkHead(head, r.spec); err != nil {
		return err
	}
	buf := make([]byte, len(r.script.frames[0]))
	for range idleRounds {
		if err := r.checkEcho(c, buf); err != nil {
			return err
		}
	}
	return nil
}

// checkEcho sends one message and compares the answer byte for byte.
func (r *Run) checkEcho(c net.Conn, buf []byte) error {
	var got []byte
	if err := r.exchange(c, buf, func(p []byte) { got = append(got, p...) }); err != nil {
		return err
	}
	if !bytes.Equal(got, r.script.payloads[0]) {
		return fmt.Errorf("the answer is not what was sent: %w", io.ErrUnexpectedEOF)
	}
	return nil
}

// exchange sends one message and reads its answer. It calls sink for each piece of the answer.
func (r *Run) exchange(c net.Conn, buf []byte, sink func(p []byte)) error {
	_ = c.SetDeadline(time.Now().Add(stall))
	if _, err := c.Write(r.script.frames[0]); err != nil {
		return err
	}
	var a answers
	for done := false; !done; {
		n, err := c.Read(buf)
		if err != nil {
			return err
		}
		var taken int
		if taken, done, err = a.feed(buf[:n], sink); err != nil {
			return err
		}
		if taken != n {
			return errors.New("the server sent more than one answer")
		}
	}
	return nil
}

// echoSecure is echo over TLS. Each connection has a goroutine, and one message under way.
func (r *Run) echoSecure(over func() bool) error {
	var mu sync.Mutex
	answered := func(took int64) (more bool) {
		mu.Lock()
		defer mu.Unlock()
		r.received++
		r.wireIn += int64(r.spec.Size)
		r.latency.add(took)
		return !over()
	}
	ended := make(chan error, len(r.secure))
	for _, c := range r.secure {
		go func() { ended <- r.echoOn(c, answered) }()
	}
	var err error
	for range r.secure {
		err = errors.Join(err, <-ended)
	}
	return err
}

// echoOn exchanges messages until answered returns false. It calls answered after each of them,
// with the nanoseconds that the answer took.
func (r *Run) echoOn(c net.Conn, answered func(took int64) (more bool)) error {
	buf := make([]byte, len(r.script.frames[0]))
	for more := true; more; {
		begun := r.now()
		if err := r.exchange(c, buf, func([]byte) {}); err != nil {
			return err
		}
		more = answered(r.now() - begun)
	}
	return nil
}
