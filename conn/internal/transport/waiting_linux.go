package transport

import (
	"syscall"
	"unsafe"
)

// Waiting returns how many bytes can be read from a socket now. 0 may mean that it can't be told.
func Waiting(fd uintptr) int {
	var n int32
	_, _, errno := syscall.RawSyscall(syscall.SYS_IOCTL, fd, syscall.TIOCINQ, uintptr(unsafe.Pointer(&n)))
	if errno != 0 || n < 0 {
		return 0
	}
	return int(n)
}
