//go:build race

package deflate

// raceEnabled says whether the race detector is on. Under it pools drop items at random, so
// allocations can't be counted.
const raceEnabled = true
