//go:build unix && !linux

package conn

// pace is of no use here: every socket is read until EAGAIN.
type pace struct{}

func (s *server) putsOff() bool { return false }
