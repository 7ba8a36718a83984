//go:build (!amd64 && !arm64) || purego

package cpu

// best returns the one level there is without assembly.
func best() Level { return Generic }
