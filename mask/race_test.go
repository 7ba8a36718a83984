//go:build race

package mask

// raceEnabled is set under the race detector, which allocates on its own account.
const raceEnabled = true
