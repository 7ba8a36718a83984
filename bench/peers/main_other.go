//go:build !linux

// Command peers needs Linux: it counts CPU time, memory and events in its ways.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "peers: this comparison runs on Linux only")
	os.Exit(1)
}
