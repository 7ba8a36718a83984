// Package cpu tells which vector instructions this processor has and the operating system lets
// programs use. It replaces golang.org/x/sys/cpu, of which the library would need only this much,
// so that the library depends on nothing.
package cpu

// Level is a set of instructions that kernels in assembly are written for. Levels are in order: a
// machine that has one also has those below it.
type Level uint8

// The levels.
const (
	Generic Level = iota // what Go itself uses
	Vector               // AVX2 on amd64, NEON on arm64
	Wide                 // AVX-512 with F, BW, VBMI and VBMI2 on amd64
)

// String returns the level's name in lower case.
func (l Level) String() string {
	switch l {
	case Generic:
		return "generic"
	case Vector:
		return "vector"
	}
	return "wide"
}

// Best returns the highest level of this machine. In builds with the tag purego, and on other
// architectures, that is Generic.
func Best() Level { return best() }
