//go:build race

package frame_test

// underRace says whether the race detector is on, which allocates.
const underRace = true
