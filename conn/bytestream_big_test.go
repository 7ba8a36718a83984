package conn

import (
	"bytes"
	"encoding/gob"
	"io"
	"net/rpc"
	"strings"
	"testing"

	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
)

// big is longer than a message may be by default.
const big = 3 << 20

// TestStreamBig: io.Copy, encoding/gob and net/rpc don't know of messages, so
// that no limit on messages may end what they send.
func TestStreamBig(t *testing.T) {
	overBoth(t, Config{}, func(t *testing.T, server, client *Conn) {
		s, c := Stream(bg, server, Binary), Stream(bg, client, Binary)
		want := pattern(big)

		t.Run("one Write", func(t *testing.T) {
			go c.Write(want)
			wantBytes(t, s, want)
		})
		t.Run("io.Copy", func(t *testing.T) {
			go io.Copy(c, struct{ io.Reader }{bytes.NewReader(want)})
			wantBytes(t, s, want)
		})
		t.Run("gob", func(t *testing.T) {
			go gob.NewEncoder(c).Encode(want)
			var got []byte
			if err := gob.NewDecoder(s).Decode(&got); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%d bytes, %v", len(got), err)
			}
		})
		t.Run("net/rpc", func(t *testing.T) {
			srv := rpc.NewServer()
			if err := srv.Register(new(Doubler)); err != nil {
				t.Fatal(err)
			}
			go srv.ServeConn(s)
			var got []byte
			err := rpc.NewClient(c).Call("Doubler.Double", want, &got)
			if err != nil || !bytes.Equal(got, append(want, want...)) {
				t.Fatalf("%d bytes, %v", len(got), err)
			}
		})
	})
}

// Doubler is a service of net/rpc.
type Doubler struct{}

// Double answers p twice.
func (*Doubler) Double(p []byte, twice *[]byte) error {
	*twice = append(p, p...)
	return nil
}

func wantBytes(t *testing.T, r io.Reader, want []byte) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, want) {
		t.Fatal("other bytes came than were written: ", err)
	}
}

// TestStreamReadsAnyMessage: a peer that is no Stream may send all in one
// message.
func TestStreamReadsAnyMessage(t *testing.T) {
	overBoth(t, Config{}, func(t *testing.T, server, client *Conn) {
		s := Stream(bg, server, Binary)
		go client.Write(within(t), Binary, pattern(big))
		wantBytes(t, s, pattern(big))
	})
}

// TestStreamWriteSplits: no message is longer than any peer takes, and those of
// text end with a character.
func TestStreamWriteSplits(t *testing.T) {
	c, peer := pipePeer(t, frame.Server, 1<<20, Config{})
	s := Stream(bg, c, Binary)
	write(t, s, strings.Repeat("a", streamPiece+1))
	peer.WantBinary([]byte(strings.Repeat("a", streamPiece)))
	peer.WantBinary([]byte("a"))
	write(t, s, strings.Repeat("b", streamPiece))
	peer.WantBinary([]byte(strings.Repeat("b", streamPiece)))

	s = Stream(bg, c, Text)
	write(t, s, strings.Repeat("a", streamPiece-1)+"€uro")
	peer.WantText(strings.Repeat("a", streamPiece-1))
	peer.WantText("€uro")
	for _, p := range []string{"\xe2", "\x82", "\xac\xf0\x9f", "\x98\x80"} {
		write(t, s, p)
	}
	peer.WantText("€")
	peer.WantText("😀")
	if n, err := s.Write([]byte("\xff")); n != 0 || err != frame.ErrInvalidUTF8 {
		t.Errorf("Write of what is no text = %d, %v, want 0, ErrInvalidUTF8", n, err)
	}
	write(t, s, "on")
	peer.WantText("on")
}

func write(t *testing.T, w io.Writer, p string) {
	t.Helper()
	if n, err := io.WriteString(w, p); n != len(p) || err != nil {
		t.Fatalf("Write of %d bytes = %d, %v", len(p), n, err)
	}
}

// TestStreamWritesStayWhole: two Writes at the same time are not mixed up.
func TestStreamWritesStayWhole(t *testing.T) {
	a, b := wstest.Pipe(1 << 10)
	server := New(a, frame.Server, Negotiated{}, Config{})
	client := New(b, frame.Client, Negotiated{}, Config{})
	t.Cleanup(func() { _ = server.CloseNow(); _ = client.CloseNow() })
	s, c := Stream(bg, server, Binary), Stream(bg, client, Binary)
	const n = 4 * streamPiece
	for i := range 4 {
		go c.Write(bytes.Repeat([]byte{byte('a' + i)}, n))
	}
	for range 4 {
		got := make([]byte, n)
		if _, err := io.ReadFull(s, got); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, bytes.Repeat(got[:1], n)) {
			t.Fatal("the bytes of two Writes are mixed up")
		}
	}
}
