//go:build !purego

package mask

// best returns the level of this processor: every 64-bit ARM that Go runs on has NEON.
func best() level { return levelVector }
