//go:build race

package mask

// The race detector allocates memory of its own, and takes a hundred times as long to look at every
// alignment.
const (
	raceEnabled = true
	offsetStep  = 9
)
