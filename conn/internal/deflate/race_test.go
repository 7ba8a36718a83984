//go:build race

package deflate

// raceEnabled says that the race detector is on: pools drop items at random
// under it, so allocations can't be counted.
const raceEnabled = true
