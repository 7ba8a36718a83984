//go:build linux && !race && !msan && !asan

package conn

import (
	"syscall"
	"unsafe"
)

// syscall.Read and syscall.Write tell the scheduler that the thread may be gone
// for long, and again that it is back. These calls are never gone for long: the
// sockets do not block, and what they copy is bounded by briefSize. Without the
// telling, one costs a fifth less where nothing is there to be read, and an echo
// of 128 bytes, with its three calls, 4 % less in all.
//
// They do not let the stack grow, either, which a callback that writes has
// nearly used up: see TestStackPerIdleConn.

// briefSize is the most that is copied in a call that the scheduler does not
// know of: it takes a few microseconds.
const briefSize = 32 << 10

// briefRead is read(2) of a socket that does not block. p is not empty.
//
//go:nosplit
func briefRead(fd uintptr, p []byte) (int, error) {
	n, _, errno := syscall.RawSyscall6(numRead, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// briefWrite is write(2) to a socket that does not block. p is not empty.
//
//go:nosplit
func briefWrite(fd uintptr, p []byte) (int, error) {
	n, _, errno := syscall.RawSyscall6(numWrite, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
