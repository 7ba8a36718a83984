package wstest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// result is what one Read or Write returned.
type result struct {
	n   int
	err error
}

// async starts a blocking call and returns the channel for its result.
func async(f func([]byte) (int, error), b []byte) chan result {
	c := make(chan result, 1)
	go func() {
		n, err := f(b)
		c <- result{n, err}
	}()
	return c
}

// wantBlocked wants the call behind c to be waiting still when everything else has settled.
func wantBlocked(t *testing.T, c chan result) {
	t.Helper()
	synctest.Wait()
	select {
	case r := <-c:
		t.Fatalf("the call returned %d, %v; want it blocked", r.n, r.err)
	default:
	}
}

// wantResult wants the call to have returned by now, without any time passing.
func wantResult(t *testing.T, c chan result, n int, err error) {
	t.Helper()
	synctest.Wait()
	select {
	case r := <-c:
		if r.n != n || !errors.Is(r.err, err) {
			t.Fatalf("got %d, %v; want %d, %v", r.n, r.err, n, err)
		}
	default:
		t.Fatal("the call is still blocked, want it to have returned")
	}
}

func wantRead(t *testing.T, r io.Reader, want string, wantErr error) {
	t.Helper()
	b := make([]byte, 100)
	n, err := r.Read(b)
	if string(b[:n]) != want || !errors.Is(err, wantErr) {
		t.Fatalf("Read: %q, %v; want %q, %v", b[:n], err, want, wantErr)
	}
}

func mustWrite(t *testing.T, w io.Writer, s string) {
	t.Helper()
	if n, err := io.WriteString(w, s); n != len(s) || err != nil {
		t.Fatalf("Write(%q): %d, %v", s, n, err)
	}
}

func TestPipeBlocksWhenFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe(4)
		w := async(a.Write, []byte("abcdefghij"))
		wantBlocked(t, w)
		if b.Buffered() != 4 || a.Written() != 4 || a.Writes() != 1 || b.Written() != 0 {
			t.Fatalf("buffered %d, written %d in %d, other way %d", b.Buffered(), a.Written(), a.Writes(), b.Written())
		}
		wantRead(t, b, "abcd", nil)
		wantBlocked(t, w)
		wantRead(t, b, "efgh", nil)
		wantResult(t, w, 10, nil)
		wantRead(t, b, "ij", nil)
		r := async(b.Read, make([]byte, 1))
		wantBlocked(t, r)
		mustWrite(t, a, "k")
		wantResult(t, r, 1, nil)
		if n, err := b.Read(nil); n != 0 || err != nil {
			t.Fatalf("Read of nothing: %d, %v", n, err)
		}
	})
}

func TestPipeWritesDoNotMix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe(1)
		x := async(a.Write, []byte(strings.Repeat("x", 50)))
		synctest.Wait()
		y := async(a.Write, []byte(strings.Repeat("y", 50)))
		got := make([]byte, 100)
		if _, err := io.ReadFull(b, got); err != nil {
			t.Fatal(err)
		}
		if want := strings.Repeat("x", 50) + strings.Repeat("y", 50); string(got) != want {
			t.Fatalf("got %s", got)
		}
		wantResult(t, x, 50, nil)
		wantResult(t, y, 50, nil)
	})
}

func TestPipeDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe(4)
		start := time.Now()
		a.SetDeadline(start.Add(3 * time.Second))
		r, w := async(a.Read, make([]byte, 1)), async(a.Write, []byte("abcdef"))
		wantBlocked(t, r)
		wantBlocked(t, w)
		time.Sleep(3 * time.Second)
		wantResult(t, r, 0, os.ErrDeadlineExceeded)
		wantResult(t, w, 4, os.ErrDeadlineExceeded)

		// A deadline that has passed stays, and comes before bytes that are there.
		mustWrite(t, b, "hi")
		_, err := a.Read(make([]byte, 2))
		var ne net.Error
		if !errors.As(err, &ne) || !ne.Timeout() || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("read after the deadline: %v, want a timeout", err)
		}
		// A deadline that was moved or removed does no harm.
		a.SetReadDeadline(time.Now().Add(time.Hour))
		wantRead(t, a, "hi", nil)
		a.SetDeadline(time.Time{})
		r = async(a.Read, make([]byte, 1))
		time.Sleep(2 * time.Hour)
		wantBlocked(t, r)
		// A time in the past wakes blocked calls.
		a.SetReadDeadline(time.Unix(1, 0))
		wantResult(t, r, 0, os.ErrDeadlineExceeded)
		w = async(a.Write, []byte("gh"))
		wantBlocked(t, w)
		a.SetWriteDeadline(time.Now())
		wantResult(t, w, 0, os.ErrDeadlineExceeded)
	})
}

// TestPipeLateTimer replaces a deadline at the instant at which it fires.
func TestPipeLateTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe(4)
		for range 100 {
			a.SetReadDeadline(time.Now().Add(time.Second))
			time.Sleep(time.Second)
			a.SetReadDeadline(time.Time{})
			synctest.Wait()
			mustWrite(t, b, "x")
			wantRead(t, a, "x", nil)
		}
	})
}

func TestPipeClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe(4)
		mustWrite(t, a, "bye")
		r := async(a.Read, make([]byte, 1))
		theirs := async(b.Write, []byte("123456"))
		wantResult(t, r, 1, nil)
		w := async(a.Write, []byte("12"))
		wantBlocked(t, w)
		next := async(a.Write, []byte("3"))
		wantBlocked(t, next)
		wantBlocked(t, theirs)
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		if r := <-theirs; r.n >= 6 || !errors.Is(r.err, io.ErrClosedPipe) {
			t.Fatalf("the other end's blocked Write: %d, %v, want an error", r.n, r.err)
		}
		first, second := <-w, <-next
		if !errors.Is(first.err, net.ErrClosed) || !errors.Is(second.err, net.ErrClosed) {
			t.Fatalf("this end's blocked Writes: %v, %v, want net.ErrClosed", first.err, second.err)
		}
		wantRead(t, a, "", net.ErrClosed)
		for name, err := range map[string]error{
			"Close": a.Close(), "CloseRead": a.CloseRead(), "CloseWrite": a.CloseWrite(), "SetDeadline": a.SetDeadline(time.Now()),
			"SetReadDeadline": a.SetReadDeadline(time.Now()), "SetWriteDeadline": a.SetWriteDeadline(time.Now()),
		} {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s after Close: %v", name, err)
			}
		}
		got, err := io.ReadAll(b)
		if !strings.HasPrefix(string(got), "bye") || err != nil {
			t.Fatalf("the other end read %q, %v", got, err)
		}
		if _, err := b.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
			t.Fatalf("the other end's Write: %v", err)
		}
	})
}

func TestPipeHalfClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe(4)
		mustWrite(t, a, "end")
		if err := a.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
			t.Fatalf("Write after CloseWrite: %v", err)
		}
		wantRead(t, b, "end", nil)
		wantRead(t, b, "", io.EOF)
		mustWrite(t, b, "back")
		wantRead(t, a, "back", nil)

		r := async(a.Read, make([]byte, 1))
		wantBlocked(t, r)
		if err := a.CloseRead(); err != nil {
			t.Fatal(err)
		}
		wantResult(t, r, 0, io.EOF)
		mustWrite(t, b, "into the void") // more than the buffer holds
		wantRead(t, a, "", io.EOF)

		a, b = Pipe(4)
		mustWrite(t, a, "lost")
		b.CloseRead()
		wantRead(t, b, "", io.EOF)
	})
}

func TestPipeCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe(4)
		mustWrite(t, a, "gone")
		r, w := async(a.Read, make([]byte, 1)), async(a.Write, []byte("x"))
		wantBlocked(t, r)
		wantBlocked(t, w)
		b.Cut(nil)
		b.Cut(errors.New("too late"))
		wantResult(t, r, 0, syscall.ECONNRESET)
		wantResult(t, w, 0, syscall.ECONNRESET)
		wantRead(t, b, "", syscall.ECONNRESET)
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestPipeStrictClose shows the reset that a careless close causes on a TCP socket, and that a
// drained socket closes without one.
func TestPipeStrictClose(t *testing.T) {
	for _, test := range []struct {
		name          string
		unread, later string
		want          error
	}{
		{"drained", "", "", nil},
		{"unread", "x", "", syscall.ECONNRESET},
		{"late", "", "x", syscall.ECONNRESET},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, b := Pipe(10)
			a.StrictClose()
			mustWrite(t, a, "farewell")
			mustWrite(t, b, test.unread)
			a.Close()
			if test.later != "" {
				b.Write([]byte(test.later))
			}
			if _, err := io.ReadAll(b); !errors.Is(err, test.want) {
				t.Fatalf("the other end: %v, want %v", err, test.want)
			}
		})
	}
}

func TestPipeAddr(t *testing.T) {
	a, b := Pipe(0)
	if a.LocalAddr() != b.RemoteAddr() || a.RemoteAddr() != b.LocalAddr() || a.LocalAddr() == a.RemoteAddr() {
		t.Fatalf("%v %v %v %v", a.LocalAddr(), a.RemoteAddr(), b.LocalAddr(), b.RemoteAddr())
	}
	if a.LocalAddr().Network() != "pipe" || a.LocalAddr().String() != "pipe:a" {
		t.Fatalf("%s %s", a.LocalAddr().Network(), a.LocalAddr())
	}
	mustWrite(t, a, "x") // no capacity is a capacity of one
	wantRead(t, b, "x", nil)
}

func TestPlain(t *testing.T) {
	a, b := Pipe(10)
	p := Plain(a)
	if _, ok := p.(interface{ SetReadDeadline(time.Time) error }); ok {
		t.Error("a plain stream has deadlines, want none")
	}
	if _, ok := p.(interface{ CloseWrite() error }); ok {
		t.Error("a plain stream has CloseWrite, want none")
	}
	mustWrite(t, p, "out")
	wantRead(t, b, "out", nil)
	mustWrite(t, b, "in")
	wantRead(t, p, "in", nil)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	wantRead(t, b, "", io.EOF)
}

func TestHex(t *testing.T) {
	if got := Hex(" 81 85\t37FA213D\n7f"); !bytes.Equal(got, []byte{0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f}) {
		t.Errorf("got % x", got)
	}
	for _, bad := range []string{"8", "8g", "0x81"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Hex(%q) returned, want a panic", bad)
				}
			}()
			Hex(bad)
		}()
	}
	if got := Dump([]byte("\x81\x00")); got != "81 00" {
		t.Errorf("Dump: %q", got)
	}
	if got := Dump(nil); got != "(nothing)" {
		t.Errorf("Dump: %q", got)
	}
	if got := Dump(make([]byte, 65)); !strings.HasSuffix(got, "00... (65 bytes)") {
		t.Errorf("Dump: %q", got)
	}
}
