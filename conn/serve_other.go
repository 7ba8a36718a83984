//go:build !unix

package conn

import "context"

// There is no rawConn on this system, so that none of these is called.

func (s *server) enter(context.Context) error { panic("unreachable: no rawConn is made") }

func (s *server) leave(context.Context, error) error { panic("unreachable: no rawConn is made") }

func (s *server) ready() func(fd uintptr) bool { panic("unreachable: no rawConn is made") }

// pace is of no use here.
type pace struct{}
