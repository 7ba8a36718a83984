//go:build (!amd64 && !arm64) || purego

package mask

// useVector keeps everything in Go.
func useVector(int) bool { return false }

// vector stands for the assembly of other builds. Nothing calls it, as useVector is false.
func vector(_, _ *byte, _ int, _ uint32) {
	panic("websocket: mask: this build has no vector instructions")
}
