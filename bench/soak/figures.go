//go:build linux

package main

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// figures is what a process holds and has done.
type figures struct {
	Heap        uint64 // bytes that are live, after a collection
	Resident    uint64 // bytes of memory
	Descriptors int
	Goroutines  int
	CPU         time.Duration
}

// figuresNow collects garbage twice, which also empties pools of what nobody used in between, and
// then looks.
func figuresNow() (f figures, err error) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	f.Heap, f.Goroutines = m.HeapAlloc, runtime.NumGoroutine()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return f, err
	}
	f.CPU = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return f, err
	}
	var size, resident uint64
	if _, err := fmt.Sscan(string(statm), &size, &resident); err != nil {
		return f, fmt.Errorf("/proc/self/statm: %w", err)
	}
	f.Resident = resident * uint64(os.Getpagesize())
	open, err := os.ReadDir("/proc/self/fd")
	f.Descriptors = len(open) - 1 // without that of the folder
	return f, err
}

// checkDescriptors reports whether n connections can be held. Go itself has raised the soft limit
// to the hard one.
func checkDescriptors(n int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	if need := uint64(n) + 200; limit.Cur < need {
		return fmt.Errorf("%d connections need %d descriptors, and ulimit -Hn allows %d: raise it, or say -conns", n, need, limit.Cur)
	}
	return nil
}

// problems keeps the first unexpected events, and counts the rest.
type problems struct {
	mu    sync.Mutex
	Count int
	First []string
}

const problemsKept = 10

func (p *problems) add(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.Count++; len(p.First) < problemsKept {
		p.First = append(p.First, fmt.Sprintf(format, args...))
	}
}

// list returns the problems so far.
func (p *problems) list() (count int, first []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.Count, append([]string(nil), p.First...)
}
