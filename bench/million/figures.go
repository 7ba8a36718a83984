//go:build linux

package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
)

// process is what a process holds.
type process struct {
	Resident, Heap uint64 // bytes
	Goroutines     int
}

// processNow gives what is free back to the system, and then looks.
func processNow() (p process, err error) {
	runtime.GC()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	p.Heap, p.Goroutines = m.HeapAlloc, runtime.NumGoroutine()
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return p, err
	}
	var size, resident uint64
	if _, err := fmt.Sscan(string(statm), &size, &resident); err != nil {
		return p, fmt.Errorf("/proc/self/statm: %w", err)
	}
	p.Resident = resident * uint64(os.Getpagesize())
	return p, nil
}

// held is what both processes and the kernel hold.
type held struct {
	server, client process
	kernel         uint64 // bytes of its slabs, in which sockets and all that belongs to them are
}

// look measures everything.
func look(s *server) (h held, err error) {
	if h.client, err = processNow(); err != nil {
		return h, err
	}
	if h.server, err = s.now(); err != nil {
		return h, err
	}
	h.kernel, err = slabs()
	return h, err
}

// slabs is the memory of the kernel's slabs, from /proc/meminfo.
func slabs() (uint64, error) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var kib uint64
		if rest, ok := strings.CutPrefix(lines.Text(), "Slab:"); ok {
			_, err := fmt.Sscan(rest, &kib)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/meminfo has no line Slab")
}

// openFiles is how many descriptors a process may have. Go itself has raised the soft limit to the
// hard one.
func openFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1000
	}
	return int(min(limit.Cur, 1<<30))
}

// report prints what one connection costs, and a million.
func report(conns int, before, after held) {
	per := func(before, after uint64) float64 {
		return (float64(after) - float64(before)) / float64(conns)
	}
	kernel := per(before.kernel, after.kernel) / 2 // each connection has both its ends here
	fmt.Printf("%d connections, idle; bytes for each\n\n", conns)
	fmt.Printf("%-10s %10s %10s %14s\n", "", "RSS", "heap", "goroutines")
	for _, side := range []struct {
		name          string
		before, after process
	}{{"server", before.server, after.server}, {"client", before.client, after.client}} {
		fmt.Printf("%-10s %10.0f %10.0f %6d (of all)\n", side.name,
			per(side.before.Resident, side.after.Resident), per(side.before.Heap, side.after.Heap),
			side.after.Goroutines)
	}
	fmt.Printf("%-10s %10.0f            for each end\n\n", "kernel", kernel)
	server := per(before.server.Resident, after.server.Resident)
	fmt.Printf("a server with 1,000,000: (%.0f + %.0f) B × 1,000,000 = %.1f GB, "+
		"of which the process has %.1f GB\n",
		server, kernel, (server+kernel)/1000, server/1000)
}
