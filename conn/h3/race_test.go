//go:build race

package h3_test

// slow says that the race detector slows the tests down: the catalogues leave out what takes long.
const slow = true
