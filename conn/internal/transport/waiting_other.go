//go:build !linux

package transport

// Waiting can't tell how many bytes can be read from a socket: package syscall has no ioctl(2) here.
func Waiting(uintptr) int { return 0 }
