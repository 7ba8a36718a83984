//go:build race

package hub

const raceEnabled = true // the race detector changes sizes
