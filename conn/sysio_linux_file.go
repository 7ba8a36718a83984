//go:build linux && (386 || s390x) && !race && !msan && !asan

package conn

import "syscall"

// Package syscall, or a kernel before 4.3, has no recvfrom(2) and sendto(2) here.
const (
	numRead  = syscall.SYS_READ
	numWrite = syscall.SYS_WRITE
)
