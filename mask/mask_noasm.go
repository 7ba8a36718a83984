//go:build (!amd64 && !arm64) || purego

package mask

// best returns the one level there is without assembly.
func best() level { return levelGeneric }

// xorVector would mask with vector instructions. It returns false: the caller has to do the work in Go.
func xorVector(_, _ []byte, _ uint32) bool { return false }
