//go:build linux

package main

import (
	"os"
	"slices"
	"testing"
)

// TestMain lets the test's own program run as the server.
func TestMain(m *testing.M) {
	if slices.Contains(os.Args, "-serve") {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestRun measures a few connections.
func TestRun(t *testing.T) {
	for _, o := range []options{{}, {tls: true}, {takeover: true}} {
		o.conns, o.size, o.messages = 20, 512, 2
		if err := o.run(); err != nil {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
