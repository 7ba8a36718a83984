//go:build linux

package load

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// openSecure makes the connections of an idle run over TLS, a batch at a time,
// by package crypto/tls: nothing is timed here.
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

// addSecure makes one connection and checks what it answers.
func (r *Run) addSecure(made *net.Conn) error {
	// The server's certificate is of its own making: what is measured is the
	// memory.
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
	for one := make([]byte, 1); !bytes.HasSuffix(head, []byte("\r\n\r\n")); head = append(head, one[0]) {
		if _, err := c.Read(one); err != nil {
			return err
		}
	}
	if err := checkHead(head, r.spec); err != nil {
		return err
	}
	buf := make([]byte, len(r.script.frames[0]))
	for range idleRounds {
		if err := r.echoed(c, buf); err != nil {
			return err
		}
	}
	return nil
}

// echoed sends one message and compares the answer, byte for byte.
func (r *Run) echoed(c net.Conn, buf []byte) error {
	if _, err := c.Write(r.script.frames[0]); err != nil {
		return err
	}
	var a answers
	var got []byte
	for done := false; !done; {
		n, err := c.Read(buf)
		if err != nil {
			return err
		}
		var taken int
		taken, done, err = a.feed(buf[:n], func(p []byte) { got = append(got, p...) })
		if err != nil {
			return err
		}
		if taken != n {
			return errors.New("the server sent more than one answer")
		}
	}
	if !bytes.Equal(got, r.script.payloads[0]) {
		return fmt.Errorf("the answer is not what was sent: %w", io.ErrUnexpectedEOF)
	}
	return nil
}
