//go:build race

package main

// The race detector makes a hash take half a minute.
func init() { rounds = 1000 }
