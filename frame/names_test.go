package frame

import (
	"fmt"
	"slices"
	"testing"
)

// TestNames: the values of the enums have names, all different, and what is no value has none.
func TestNames(t *testing.T) {
	for _, values := range [][]fmt.Stringer{
		{NeedData, Start, Chunk, Control, Kind(4)},
		{SendClose, ReceiveClose, CloseWritten, Fail, Lost, TransportClosed, Signal(6)},
		{None, SendCloseFrame, ReplyClose, SendAndShutdown, Drop, Action(5)},
	} {
		var names []string
		for _, v := range values {
			name := v.String()
			if name == "" || slices.Contains(names, name) {
				t.Errorf("a %T is named %q, want a name of its own beside %q", v, name, names)
			}
			names = append(names, name)
		}
		if last := names[len(names)-1]; last != "unknown" {
			t.Errorf("a %T that does not exist is named %q, want unknown", values[0], last)
		}
	}
}
