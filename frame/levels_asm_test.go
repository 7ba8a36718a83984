//go:build (amd64 || arm64) && !purego

package frame

import "github.com/rfc6455/ws/internal/cpu"

// EachLevel calls f once for every level of this machine, while that level is in use.
func EachLevel(f func(name string)) {
	defer func(l cpu.Level) { active = l }(active)
	for l := levelGeneric; l <= cpu.Best(); l++ {
		active = l
		f(l.String())
	}
}
