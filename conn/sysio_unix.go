//go:build unix && (!linux || race || msan || asan)

package conn

import "syscall"

// sysRead is read(2) of a socket that does not block. p is not empty.
func sysRead(fd uintptr, p []byte) (int, error) { return syscall.Read(int(fd), p) }

// sysWrite is write(2) to a socket that does not block. p is not empty.
func sysWrite(fd uintptr, p []byte) (int, error) { return syscall.Write(int(fd), p) }
