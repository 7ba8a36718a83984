//go:build unix && (!linux || race || msan || asan)

package conn

import "syscall"

// briefSize: no call is too brief for package syscall's.
const briefSize = -1

func briefRead(fd uintptr, p []byte) (int, error) { return syscall.Read(int(fd), p) }

func briefWrite(fd uintptr, p []byte) (int, error) { return syscall.Write(int(fd), p) }
