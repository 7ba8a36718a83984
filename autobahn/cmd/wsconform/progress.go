package main

import (
	"fmt"
	"io"
	"os"

	"github.com/rfc6455/ws/autobahn"
)

// every is after how many cases a line says how far a run is, if the output is no terminal.
const every = 50

// progress returns a function that shows how far a run is: on a terminal in one line that
// changes, elsewhere in a line now and then. Each case that has not passed has its own line.
func progress(out io.Writer) func(o *autobahn.Outcome, done, total int) {
	terminal := isTerminal(out)
	return func(o *autobahn.Outcome, done, total int) {
		if terminal {
			fmt.Fprint(out, "\r\033[K")
		}
		if !o.Passed() {
			fmt.Fprintln(out, o)
		}
		switch {
		case terminal && done < total:
			fmt.Fprintf(out, "%d of %d  %s", done, total, o.Case.ID)
		case done%every == 0 || done == total:
			fmt.Fprintf(out, "%d of %d\n", done, total)
		}
	}
}

// isTerminal reports whether out is a terminal.
func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
