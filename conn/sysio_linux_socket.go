//go:build linux && !386 && !s390x && !race && !msan && !asan

package conn

import "syscall"

// recvfrom(2) and sendto(2) without flags are read(2) and write(2) of a socket,
// without the way through what all files have in common: 3 % of a broadcast's
// CPU.
const (
	numRead  = syscall.SYS_RECVFROM
	numWrite = syscall.SYS_SENDTO
)
