//go:build race

package main

// Under the race detector sync.Pool drops a part of what it is given.
func init() { pools = false }
