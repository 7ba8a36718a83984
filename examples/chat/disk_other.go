//go:build !unix

package main

import "os"

// lockFile locks nothing on this system: run one process for each directory.
func lockFile(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
}

// syncDir does nothing: this system has no such thing for directories.
func syncDir(string) error { return nil }
