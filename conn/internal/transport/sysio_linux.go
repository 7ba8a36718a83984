//go:build linux && !386 && !s390x && !race && !msan && !asan

package transport

import (
	"syscall"
	"unsafe"
)

// syscall.Read and syscall.Write tell the scheduler that the thread may be gone for long, and tell
// it again when the thread is back. Brief calls are never gone for long: they do not block, and
// briefSize bounds what they copy. Without the telling, a read that finds nothing costs a fifth
// less, and an echo of 128 bytes, with its three calls, costs 4 % less in all.
//
// Brief calls do not let the stack grow, either. A callback that writes has nearly used up its
// stack: see TestStackPerIdleConn.
//
// recvfrom(2) and sendto(2) without an address are read(2) and write(2) of a socket. They skip the
// code that all files have in common, which is 3 % of a broadcast's CPU. With MSG_DONTWAIT they do
// not block even if the socket does, as after [net.TCPConn.File] and Fd. A call that blocks, and
// that the scheduler does not know of, would stop a processor, and garbage collection with it.

// briefSize bounds what is copied in a call that the scheduler does not know of, in bytes. To copy
// that much takes a few microseconds.
const briefSize = 32 << 10

// briefRead is read(2) of a socket. p is not empty.
//
//go:nosplit
func briefRead(fd uintptr, p []byte) (int, error) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), syscall.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// briefWrite is write(2) to a socket. p is not empty.
//
//go:nosplit
func briefWrite(fd uintptr, p []byte) (int, error) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), syscall.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// writeMore is longWrite of bytes that others follow at once, so that all leave in the same packets.
func writeMore(fd uintptr, p []byte) (int, error) {
	n, _, errno := syscall.Syscall6(syscall.SYS_SENDTO, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), syscall.MSG_DONTWAIT|syscall.MSG_MORE, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// longRead is briefRead in a call that the scheduler knows of.
func longRead(fd uintptr, p []byte) (int, error) {
	n, _, errno := syscall.Syscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), syscall.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// longWrite is briefWrite in a call that the scheduler knows of.
func longWrite(fd uintptr, p []byte) (int, error) {
	n, _, errno := syscall.Syscall6(syscall.SYS_SENDTO, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), syscall.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
