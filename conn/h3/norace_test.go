//go:build !race

package h3_test

const slow = false
