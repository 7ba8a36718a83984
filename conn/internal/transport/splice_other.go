//go:build !linux

package transport

// CanSplice returns false: only Linux moves bytes from socket to socket.
func (t *Transport) CanSplice(*Transport) bool { return false }

// Splice is not called.
func (t *Transport) Splice(uintptr, int64, WriteLimit) (got, put int64, in, out error) {
	panic("websocket: no splice here")
}
