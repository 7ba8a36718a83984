//go:build (!amd64 && !arm64) || purego

package frame

// EachLevel calls f once: there is one level.
func EachLevel(f func(name string)) { f("generic") }
