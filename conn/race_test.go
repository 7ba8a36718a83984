//go:build race

package conn

// raceEnabled: the race detector allocates, so allocation counts mean nothing.
const raceEnabled = true
