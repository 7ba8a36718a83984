package wstest

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// Main runs the tests of a package and exits. A run that passes fails all the same if it leaves
// goroutines behind: those whose stack names one of the parts.
func Main(m *testing.M, parts ...string) {
	code := m.Run()
	if code == 0 {
		if left := goroutines(parts); left != "" {
			fmt.Fprintf(os.Stderr, "goroutines left behind:\n%s\n", left)
			code = 1
		}
	}
	os.Exit(code)
}

// goroutines returns the stacks that name one of the parts. Those that are about to end get 20 s to
// do so, since a connection may wait for its peer for 5 s (Config.CloseTimeout).
func goroutines(parts []string) (stacks string) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 2000 {
		if stacks = stacksNaming(parts); stacks == "" {
			return ""
		}
		<-tick.C
	}
	return stacks
}

// stacksNaming returns the stacks of the goroutines that name one of the parts, except the one that
// runs the tests.
func stacksNaming(parts []string) string {
	buf := make([]byte, 4<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var named []string
	for g := range strings.SplitSeq(string(buf), "\n\n") {
		ours := slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(g, part) })
		if ours && !strings.Contains(g, "TestMain") {
			named = append(named, g)
		}
	}
	return strings.Join(named, "\n\n")
}
