//go:build !linux

package loop

import "errors"

// Hangups is for Linux. Here it has no sockets.
type Hangups struct{}

// Hangup is never made.
type Hangup struct{}

// Add returns an error.
func (h *Hangups) Add(uintptr, func()) (Hangup, error) { return Hangup{}, errors.ErrUnsupported }

// Remove is never called.
func (h *Hangups) Remove(Hangup) { panic("unreachable: there is no Hangup") }
