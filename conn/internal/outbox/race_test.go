//go:build race

package outbox

// underRace says that the race detector looks on, which has nothing to find in a machine without
// goroutines, and makes the exploration ten times as slow.
const underRace = true
