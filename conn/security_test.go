package conn

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
)

// testLink is a test that a document names, with the file that it is in.
var testLink = regexp.MustCompile("\\[`((?:Test|Fuzz|Benchmark)[^`]*)`\\]\\(([^)]+)\\)")

// TestSecurityPromises: each promise of SECURITY.md names a test, and each test
// named is there, with the subtest.
func TestSecurityPromises(t *testing.T) {
	if n := rowsWithTests(t, "../SECURITY.md"); n < 15 {
		t.Errorf("%d promises found, want at least 15", n)
	}
}

// TestInvariants: each of the key invariants in CONTRIBUTING.md names a test, and
// each test named is there.
func TestInvariants(t *testing.T) {
	if n := rowsWithTests(t, "../CONTRIBUTING.md"); n != 11 {
		t.Errorf("%d invariants found, want 11", n)
	}
}

// rowsWithTests returns how many rows of tables with tests the document has. A row of
// such a table that names no test, or a test that is not there, is an error.
func rowsWithTests(t *testing.T, document string) (rows int) {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	inside := false
	for line := range strings.SplitSeq(string(text), "\n") {
		switch {
		case strings.HasSuffix(line, "| shown by |"), strings.HasSuffix(line, "| held by |"):
			inside = true
		case !strings.HasPrefix(line, "| "):
			inside = inside && strings.HasPrefix(line, "|") // the line below the head
		case inside:
			rows++
			findTests(t, line)
		}
	}
	return rows
}

// findTests looks for the tests that the row names.
func findTests(t *testing.T, row string) {
	t.Helper()
	links := testLink.FindAllStringSubmatch(row, -1)
	if len(links) == 0 {
		t.Errorf("no test shows: %s", row)
	}
	for _, l := range links {
		name, sub, _ := strings.Cut(l[1], "/")
		code, err := os.ReadFile(filepath.Join("..", l[2]))
		if err != nil {
			t.Error(err)
			continue
		}
		if !strings.Contains(string(code), "func "+name+"(") || !strings.Contains(string(code), sub) {
			t.Errorf("%s is not in %s", l[1], l[2])
		}
	}
}

// TestDefaults: the zero Config has the limits that SECURITY.md says; TestAdvisory
// has that of a message, TestWriteTimeout that of a write.
func TestDefaults(t *testing.T) {
	t.Run("CloseTimeout", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, _ := pipePeer(t, frame.Server, 1<<10, Config{})
			start := time.Now()
			if err := c.Close(CloseNormal, ""); !errors.Is(err, ErrCloseTimeout) || time.Since(start) != 5*time.Second {
				t.Errorf("after %v: %v", time.Since(start), err)
			}
		})
	})
	t.Run("HandshakeTimeout", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a, b := wstest.Pipe(1 << 10)
			start := time.Now()
			if _, _, err := new(Upgrader).UpgradeNet(bg, a, nil); err == nil || time.Since(start) != 10*time.Second {
				t.Errorf("after %v: %v", time.Since(start), err)
			}
			_ = b.Close()
		})
	})
	t.Run("Queue", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, _ := pipePeer(t, frame.Server, 1, Config{})
			taken := 0
			for c.Send(Binary, make([]byte, 1<<10)) == nil {
				taken++
			}
			if !errors.Is(c.Err(), ErrQueueFull) {
				t.Errorf("the connection is not given up, but %v", c.Err())
			}
			const closeFrame = 2 + 125 // which says so
			if kib := taken; kib < 1700 || kib > 2048 || c.Buffered() > 2<<20+closeFrame {
				t.Errorf("%d KiB were taken, %d bytes are held", kib, c.Buffered())
			}
		})
	})
	t.Run("MaxFragments", func(t *testing.T) {
		inBothRoles(t, "empty", func(t *testing.T, role frame.Role) {
			for n, want := range map[int]error{131072: nil, 131073: frame.ErrTooManyFragments} {
				b := frames(role, 1, frame.Header{Opcode: frame.Binary}, "")
				b = append(b, frames(role, n-2, frame.Header{}, "")...)
				b = append(b, frames(role, 1, frame.Header{Fin: true}, "")...)
				c := fed(role, b, Config{})
				if _, _, err := c.Read(bg); !errors.Is(err, want) {
					t.Errorf("%d frames: %v", n, err)
				}
				_ = c.CloseNow()
				<-c.Done()
			}
		})
	})
}
