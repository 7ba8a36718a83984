package wstest

import "testing"

// Allocs measures like testing.AllocsPerRun, until a measurement gives no more than enough, five
// times at most, and returns the smallest. What f itself allocates is in each of them. What the
// goroutines of an earlier test allocate while they end, or a garbage collection makes a pool
// allocate, is counted too, since the runtime counts for the whole process, but it passes. It may
// call f AllocsCalls(runs) times.
func Allocs(runs int, enough float64, f func()) float64 {
	fewest := testing.AllocsPerRun(runs, f)
	for range allocsTries - 1 {
		if fewest <= enough {
			break
		}
		fewest = min(fewest, testing.AllocsPerRun(runs, f))
	}
	return fewest
}

const allocsTries = 5

// AllocsCalls is how often Allocs calls its function at most.
func AllocsCalls(runs int) int { return allocsTries * (runs + 1) }
