package mask

import "testing"

// Neither function allocates, and neither makes its caller's arrays move to the heap.
func TestAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	eachLevel(t, func(t *testing.T) {
		n := testing.AllocsPerRun(100, func() {
			var src, dst [300]byte
			for _, n := range []int{0, 3, 7, 15, 63, 64, 300} {
				Copy(dst[:n], src[:n], XOR(src[:n], phases[0]))
			}
		})
		if n != 0 {
			t.Errorf("%v allocations, want none", n)
		}
	})
}
