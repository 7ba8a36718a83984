//go:build (!amd64 && !arm64) || purego

package mask

// useVector reports false: this build has no kernel.
func useVector(int) bool { return false }

// vector stands in for the assembly of other builds. It is never called, since useVector reports
// false.
func vector(_, _ *byte, _ int, _ uint32) {
	panic("websocket: mask: this build has no vector instructions")
}
