//go:build unix && (!linux || 386 || s390x || race || msan || asan)

package transport

import "syscall"

// Here all system calls are those of package syscall. On 386 and s390x it has no numbers to call
// recvfrom(2) and sendto(2) directly. Nor has a kernel before 4.3 such calls there.

// briefSize makes all calls go through package syscall, however brief they are.
const briefSize = -1

func briefRead(fd uintptr, p []byte) (int, error) { return longRead(fd, p) }

func briefWrite(fd uintptr, p []byte) (int, error) { return longWrite(fd, p) }

// writeMore writes bytes that others follow. They leave in packets of their own.
func writeMore(fd uintptr, p []byte) (int, error) { return longWrite(fd, p) }

func longRead(fd uintptr, p []byte) (int, error) { return syscall.Read(int(fd), p) }

func longWrite(fd uintptr, p []byte) (int, error) { return syscall.Write(int(fd), p) }
