//go:build !linux

// Command peers needs Linux, where it gets CPU time, memory and events from.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "peers: this comparison runs on Linux only")
	os.Exit(1)
}
