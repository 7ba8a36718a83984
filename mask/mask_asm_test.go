//go:build (amd64 || arm64) && !purego

package mask

import (
	"testing"
	"unsafe"

	"github.com/rfc6455/ws/internal/cpu"
)

// Long slices go to the kernels, at the levels that have one.
func TestUseVector(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, n := range []int{0, vectorMin - 1, vectorMin, vectorMin + 1, 1 << 20} {
			if got, want := useVector(n), n >= vectorMin && active != levelGeneric; got != want {
				t.Errorf("useVector(%d) = %t", n, got)
			}
		}
	})
}

// Each level has a kernel of its own, and it is the one that runs. Kernels that are right give the same result, so
// this looks where they need not: with src one byte behind dst, which Copy refuses, the bytes depend on how many are
// loaded before the first of them is stored.
func TestKernelOfLevel(t *testing.T) {
	seen := make(map[string]cpu.Level)
	eachLevel(t, func(t *testing.T) {
		if active == levelGeneric {
			t.Skip("no kernel")
		}
		const n = 2000
		b := random(n + 1)
		vector(unsafe.SliceData(b[1:]), unsafe.SliceData(b), n, phases[0])
		if l, ok := seen[string(b)]; ok {
			t.Errorf("the kernel of level %d ran", l)
		}
		seen[string(b)] = active
	})
}
