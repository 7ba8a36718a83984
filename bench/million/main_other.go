//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "million: it reads its figures from /proc: run it on Linux")
	os.Exit(1)
}
