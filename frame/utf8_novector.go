//go:build (!amd64 && !arm64) || purego

package frame

// useVector keeps everything in Go.
func useVector(int) bool { return false }

// validLong stands for the assembly of other builds. Nothing calls it, as useVector is false.
func validLong([]byte) bool { panic("websocket: frame: this build has no vector instructions") }
