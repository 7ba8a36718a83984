//go:build (!amd64 && !arm64) || purego

package cpu

// best returns Generic, the only level without assembly.
func best() Level { return Generic }
