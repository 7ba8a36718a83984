package conn

import (
	"io"
	"testing"
	"testing/synctest"
)

// TestRequestBodyWrite holds that a Write returns when the transport comes for
// more: what it took last is written by then, and no reset overtakes it.
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
