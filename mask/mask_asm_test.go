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
				t.Errorf("useVector(%d) = %t, want %t", n, got, want)
			}
		}
	})
}

// Each level runs a kernel of its own. Correct kernels give the same result for arguments that
// vector allows. So this test passes src one byte behind dst, which Copy refuses: then the bytes
// depend on how many are loaded before the first of them is stored.
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
			t.Errorf("the kernel of level %v ran, want that of level %v", l, active)
		}
		seen[string(b)] = active
	})
}
