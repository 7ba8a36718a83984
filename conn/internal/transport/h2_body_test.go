package transport

import (
	"io"
	"testing"
	"testing/synctest"
)

// TestRequestBodyWrite: a Write returns when the transport comes back for more. What the transport
// took last is written by then, and no reset overtakes it.
func TestRequestBodyWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newRequestBody()
		written := make(chan error, 1)
		go func() {
			_, err := b.Write([]byte("abc"))
			written <- err
		}()
		p := make([]byte, 2)
		for _, want := range []string{"ab", "c"} {
			if n, err := b.Read(p); err != nil || string(p[:n]) != want {
				t.Fatalf("%q, %v", p[:n], err)
			}
			synctest.Wait()
			if len(written) > 0 {
				t.Fatalf("Write returned before %q was written", want)
			}
		}
		end := make(chan error, 1)
		go func() {
			_, err := b.Read(p)
			end <- err
		}()
		if err := <-written; err != nil {
			t.Error(err)
		}
		b.finish()
		if err := <-end; err != io.EOF {
			t.Errorf("%v after the end, want io.EOF", err)
		}
	})
}

// TestRequestBodyTaken: a write that was taken whole has succeeded, even if the server ends the
// stream before the transport comes back for more. A write of which half was taken has failed.
func TestRequestBodyTaken(t *testing.T) {
	for taken, want := range map[int]error{5: nil, 2: io.ErrClosedPipe} {
		b := newRequestBody()
		done := make(chan error, 1)
		go func() { _, err := b.Write([]byte("hello")); done <- err }()
		if n, err := b.Read(make([]byte, taken)); n != taken || err != nil {
			t.Fatal(n, err)
		}
		_ = b.Close()
		if err := <-done; err != want {
			t.Errorf("%d of 5 bytes taken: %v, want %v", taken, err, want)
		}
	}
}
