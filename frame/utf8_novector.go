//go:build (!amd64 && !arm64) || purego

package frame

// useVector reports false: this build has no kernel.
func useVector(int) bool { return false }

// validLong stands in for the code of other builds. It is never called, since useVector reports
// false.
func validLong([]byte) bool { panic("websocket: frame: this build has no vector instructions") }
