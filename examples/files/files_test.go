package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/conntest"
	"github.com/rfc6455/ws/conn/wsjson"
)

var mebibytes = flag.Int64("mebibytes", 16, "the size of the files of TestBothWays")

// pools is false if buffers do not stay in their pools.
var pools = true

// patience bounds each wait, on a machine that is busy.
const patience = 90 * time.Second

// writeFile makes a file of random bytes.
func writeFile(t *testing.T, path string, size int64) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	random := rand.NewChaCha8([32]byte{})
	buf := make([]byte, 64<<10)
	for left := size; left > 0; left -= int64(len(buf)) {
		_, _ = random.Read(buf)
		if _, err := f.Write(buf[:min(left, int64(len(buf)))]); err != nil {
			t.Fatal(err)
		}
	}
}

// same checks that two files are equal.
func same(t *testing.T, a, b string) {
	t.Helper()
	p, err1 := os.ReadFile(a)
	q, err2 := os.ReadFile(b)
	if err1 != nil || err2 != nil || !bytes.Equal(p, q) {
		t.Errorf("%s and %s differ: %d and %d bytes, %v, %v", filepath.Base(a), filepath.Base(b), len(p), len(q), err1, err2)
	}
}

// place is a server in memory, and its client.
type place struct {
	server *server
	dir    string // of the server
	here   string // of the client
	client *client
	faults []conntest.Faults // of the client's connections, one after another
}

func newPlace(t *testing.T, most int64) *place {
	t.Helper()
	p := &place{dir: t.TempDir(), here: t.TempDir()}
	var err error
	if p.server, err = newServer(p.dir, most); err != nil {
		t.Fatal(err)
	}
	dial := conntest.NetDial(t, p.server.handler())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = p.server.open.Shutdown(ctx)
		_ = p.server.root.Close()
	})
	p.client = &client{url: "ws://files.invalid/", dialer: ws.Dialer{
		Config: ws.Config{MaxMessageSize: piece}, Proxy: ws.NoProxy,
		NetDial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			nc, err := dial(ctx, network, addr)
			if err != nil || len(p.faults) == 0 {
				return nc, err
			}
			defer func() { p.faults = p.faults[1:] }()
			return conntest.Faulty(nc, p.faults[0]), nil
		},
	}}
	return p
}

// TestBothWays: a file arrives as it was, up and down, and is never in memory as a whole: all that
// is allocated meanwhile, on both sides together, is a quarter of it at most.
func TestBothWays(t *testing.T) {
	size := *mebibytes<<20 + 12345
	p := newPlace(t, size)
	big, back := filepath.Join(p.here, "big"), filepath.Join(p.here, "back")
	writeFile(t, big, size)
	last := int64(-1)
	p.client.progress = func(offset, of int64) {
		if offset < last || of != size {
			t.Errorf("progress from %d to %d of %d, want more and more of %d", last, offset, of, size)
		}
		last = offset
	}
	var before, after runtime.MemStats
	for _, way := range []struct {
		name string
		do   func() error
	}{
		{"put", func() error { return p.client.put(t.Context(), big) }},
		{"get", func() error { return p.client.get(t.Context(), "big", back) }},
	} {
		last = -1
		runtime.ReadMemStats(&before)
		if err := way.do(); err != nil {
			t.Fatalf("%s: %v", way.name, err)
		}
		runtime.ReadMemStats(&after)
		got := int64(after.TotalAlloc - before.TotalAlloc)
		t.Logf("%s of %d bytes allocates %d bytes", way.name, size, got)
		if pools && got > size/4 {
			t.Errorf("%s of %d bytes allocates %d bytes, want a quarter at most", way.name, size, got)
		}
		if last != size {
			t.Errorf("%s: the progress ends at %d, want %d", way.name, last, size)
		}
	}
	same(t, big, filepath.Join(p.dir, "big"))
	same(t, big, back)
	if parts, _ := filepath.Glob(filepath.Join(p.dir, ".*")); len(parts) > 0 {
		t.Errorf("%q is left", parts)
	}
}

// TestCut: a transfer that is cut three times goes on where it was, and not from the beginning.
func TestCut(t *testing.T) {
	const size = 7<<20 + 1
	cut := func(read, write int64) (f conntest.Faults) {
		if read > 0 {
			f.Read = conntest.Break{How: conntest.BreakReset, After: read}
		}
		if write > 0 {
			f.Write = conntest.Break{How: conntest.BreakReset, After: write}
		}
		return f
	}
	for what, faults := range map[string][]conntest.Faults{
		"put": {cut(0, 50), cut(0, 2_500_000), cut(0, 3_000_000)},
		"get": {cut(50, 0), cut(2_500_000, 0), cut(3_000_000, 0)},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPlace(t, size)
				p.faults = faults
				big := filepath.Join(p.here, "big")
				writeFile(t, big, size)
				last, within := int64(0), 0
				p.client.progress = func(offset, _ int64) {
					if offset < last {
						t.Errorf("it goes on at %d, and was at %d", offset, last)
					}
					if last = offset; offset < size && offset%piece != 0 {
						within++ // where no piece ends if nothing is cut
					}
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				var err error
				if what == "put" {
					err = p.client.put(ctx, big)
					same(t, big, filepath.Join(p.dir, "big"))
				} else {
					writeFile(t, filepath.Join(p.dir, "big"), size)
					err = p.client.get(ctx, "big", filepath.Join(p.here, "back"))
					same(t, big, filepath.Join(p.here, "back"))
				}
				if err != nil || len(p.faults) > 0 {
					t.Fatalf("%v, and %d faults that did not happen", err, len(p.faults))
				}
				if within == 0 {
					t.Error("it never goes on within a piece")
				}
			})
		})
	}
}

// TestRefused: names that lead out of the directory, or that surprise, are refused both ways, and
// so is what is too long. The connection goes on.
func TestRefused(t *testing.T) {
	p := newPlace(t, 1000)
	outside := filepath.Join(p.here, "secret")
	writeFile(t, outside, 10)
	writeFile(t, filepath.Join(p.dir, ".part-half"), 10)
	if err := os.Mkdir(filepath.Join(p.dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	links := os.Symlink(outside, filepath.Join(p.dir, "link")) == nil // not on every Windows
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, _, err := p.client.dialer.Dial(ctx, p.client.url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	ask := func(m message, want string) {
		t.Helper()
		if err := wsjson.Write(ctx, c, m); err != nil {
			t.Fatal(err)
		}
		var no refusal
		if _, err := hear(ctx, c); !errors.As(err, &no) || !strings.Contains(string(no), want) {
			t.Errorf("%+v: %v, want a refusal because of %s", m, err, want)
		}
	}
	for _, name := range []string{
		"", ".", "..", "../secret", "/etc/passwd", outside, "folder/../../secret", `..\secret`, `C:\x`, "c:x",
		".part-half", ".hidden", "a/b", "a\x00b", "a\nb", "tail.", "tail ", " head", strings.Repeat("x", 101), "right\u202eleft",
	} {
		ask(message{Op: "put", Name: name, Size: 1}, "a name has")
		ask(message{Op: "get", Name: name}, "a name has")
	}
	ask(message{Op: "get", Name: "nothing"}, "no such file")
	ask(message{Op: "get", Name: "folder"}, "no such file")
	if links {
		ask(message{Op: "get", Name: "link"}, "no such file")
	}
	ask(message{Op: "put", Name: "long", Size: 1001}, "at most 1000 bytes")
	ask(message{Op: "put", Name: "long", Size: -1}, "at most 1000 bytes")
	ask(message{Op: "put", Name: "folder", Size: 1}, "a folder")
	ask(message{Op: "rm", Name: "link"}, "put and get")
	small := filepath.Join(p.here, "link")
	writeFile(t, small, 5)
	if err := p.client.put(ctx, small); err != nil {
		t.Error(err)
	}
	same(t, small, filepath.Join(p.dir, "link")) // in place of the link
	if err := p.client.get(ctx, "nothing", filepath.Join(p.here, "nothing")); err == nil {
		t.Error("a file that is not there is got")
	}
	if left, _ := filepath.Glob(filepath.Join(p.here, "nothing*")); len(left) > 0 {
		t.Errorf("%q is left of a file that is not there", left)
	}
	if p, err := os.ReadFile(outside); err != nil || len(p) != 10 {
		t.Errorf("the file outside has %d bytes, %v, want the 10 that it had", len(p), err)
	}
}

// TestHostilePieces: a client that sends more than it has announced, nothing at all, or another
// sum, gets no file. Nor do two clients write one file at a time.
func TestHostilePieces(t *testing.T) {
	p := newPlace(t, 1000)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	begin := func(name string) *ws.Conn {
		t.Helper()
		c, _, err := p.client.dialer.Dial(ctx, p.client.url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.CloseNow() })
		if err := wsjson.Write(ctx, c, message{Op: "put", Name: name, Size: 100}); err != nil {
			t.Fatal(err)
		}
		return c
	}
	for size, want := range map[int]string{101: "1008", 0: "1008", 100: "SHA-256 differs"} {
		c := begin(fmt.Sprint("file", size))
		_ = c.Write(ctx, ws.Binary, make([]byte, size))
		if size == 100 {
			_ = wsjson.Write(ctx, c, message{SHA256: hex.EncodeToString(sha256.New().Sum(nil))})
		}
		var err error
		for err == nil {
			_, err = hear(ctx, c)
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("a piece of %d bytes: %v, want %s", size, err, want)
		}
	}
	first := begin("one")
	if _, err := hear(ctx, first); err != nil {
		t.Fatal(err)
	}
	if _, err := hear(ctx, begin("one")); !strings.Contains(fmt.Sprint(err), "1013") {
		t.Errorf("a second client: %v, want 1013, after which it tries again", err)
	}
	if all, _ := filepath.Glob(filepath.Join(p.dir, "[a-z]*")); len(all) > 0 {
		t.Errorf("there are files: %q", all)
	}
}
