package transport

import (
	"crypto/tls"
	"errors"
	"net"
	"time"
)

// probeTime bounds the wait for a read that a deadline in the past should end at once. If the read
// takes longer, a pump reads the stream. A pump is right for any stream.
const probeTime = 50 * time.Millisecond

// probeDeadlines returns s if its deadlines end its reads. A stream may also refuse them, as a
// channel of SSH does, or they may do nothing. Then it returns a pump of s. Only a read can show
// that. The pump does this read, so that nothing is lost if the read does not end, or gets bytes.
//
// TLS is returned as it is if its handshake is not complete, since a timeout within the handshake
// would end it.
func probeDeadlines(s stream) stream {
	if t, ok := s.(*tls.Conn); ok && !t.ConnectionState().HandshakeComplete {
		return s
	}
	p := newPump(s)
	if s.SetReadDeadline(LongAgo) != nil {
		return p
	}
	p.start.Do(p.launch)
	p.asked = true
	p.ask <- nil
	timer := time.NewTimer(probeTime)
	defer timer.Stop()
	select {
	case r := <-p.got:
		p.asked = false
		if r.n == 0 && isTimeout(r.err) {
			_ = s.SetReadDeadline(time.Time{})
			return s
		}
		p.take(&r)
	case <-timer.C:
		p.late = true
	}
	_ = s.SetReadDeadline(time.Time{})
	return p
}

// isTimeout reports whether err says that a deadline has passed.
func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
