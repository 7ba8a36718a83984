//go:build !unix

package conn

import "context"

// runRaw is never called: there is no rawConn on this system.
func (s *server) runRaw(context.Context) error { panic("unreachable: no rawConn is made") }
