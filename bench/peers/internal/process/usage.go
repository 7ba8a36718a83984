//go:build linux

package process

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
)

// Usage is what a process has used until now.
type Usage struct {
	User, System int64  // CPU time, ns
	Allocs       uint64 // objects allocated
	AllocBytes   uint64
	GCs          uint32

	// Memory in use, in bytes.
	Heap, Stack, RSS uint64
}

// Now returns this process's usage. It reads the CPU time last, so that the time that it takes
// itself counts as used before.
func Now() (Usage, error) {
	var u Usage
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	u.Allocs, u.AllocBytes, u.GCs = m.Mallocs, m.TotalAlloc, m.NumGC
	u.Heap, u.Stack = m.HeapAlloc, m.StackInuse
	var err error
	if u.RSS, err = rss(); err != nil {
		return u, err
	}
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return u, err
	}
	u.User, u.System = r.Utime.Nano(), r.Stime.Nano()
	return u, nil
}

// Settle is [Now] after everything that is not in use was freed. It collects the garbage, which
// empties the pools, and gives free pages back to the operating system.
func Settle() (Usage, error) {
	for range 3 { // a sync.Pool keeps what it has through one collection
		runtime.GC()
	}
	debug.FreeOSMemory()
	return Now()
}

// rss returns the size of the resident set in bytes, as the kernel counts it page by page. The
// number in /proc/self/statm may be out of date.
func rss() (uint64, error) {
	f, err := os.Open("/proc/self/smaps_rollup")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var kib uint64
		if n, _ := fmt.Sscanf(lines.Text(), "Rss: %d kB", &kib); n == 1 {
			return kib << 10, nil
		}
	}
	return 0, fmt.Errorf("%s does not say Rss", f.Name())
}
