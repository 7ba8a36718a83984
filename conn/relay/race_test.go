//go:build race

package relay_test

// raceEnabled: the race detector allocates, so allocation counts mean nothing.
const raceEnabled = true
