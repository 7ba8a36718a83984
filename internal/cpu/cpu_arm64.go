//go:build !purego

package cpu

// best returns the level of this processor. Every 64-bit ARM that Go runs on has NEON.
func best() Level { return Vector }
