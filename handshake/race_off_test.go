//go:build !race

package handshake

// raceEnabled says whether the race detector is on, which allocates itself.
const raceEnabled = false
