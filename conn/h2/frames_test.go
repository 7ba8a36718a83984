package h2

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"testing/iotest"

	"golang.org/x/net/http2"
)

// frames are what a server may begin with.
func frames(write func(*http2.Framer) error) []byte {
	var b bytes.Buffer
	if err := write(http2.NewFramer(&b, nil)); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// readConn is a connection that gives r.
type readConn struct {
	net.Conn
	r io.Reader
}

func (c readConn) Read(p []byte) (int, error) { return c.r.Read(p) }

// TestSmallFrames changes SETTINGS_MAX_FRAME_SIZE of the first frame, and not a
// byte of anything else.
func TestSmallFrames(t *testing.T) {
	settings := func(list ...http2.Setting) []byte {
		return frames(func(fr *http2.Framer) error { return fr.WriteSettings(list...) })
	}
	size := func(n uint32) http2.Setting { return http2.Setting{ID: http2.SettingMaxFrameSize, Val: n} }
	streams := http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1 << 20}
	ping := frames(func(fr *http2.Framer) error { return fr.WritePing(false, [8]byte{1}) })
	for name, test := range map[string]struct{ sent, seen []byte }{
		"large":            {settings(streams, size(1<<20), streams), settings(streams, size(1<<14), streams)},
		"small":            {settings(size(1 << 14)), settings(size(1 << 14))},
		"invalid":          {settings(size(100)), settings(size(100))}, // for the Transport to see
		"none":             {settings(streams), settings(streams)},
		"empty":            {settings(), settings()},
		"no SETTINGS":      {ping, ping},
		"cut in a header":  {ping[:5], ping[:5]},
		"cut in a setting": {settings(size(1 << 20))[:11], settings(size(1 << 20))[:11]},
		"nothing":          {nil, nil},
	} {
		after := []byte(nil)
		if len(test.sent) > 11 {
			after = settings(size(1 << 20)) // a later frame stays
		}
		sent := bytes.NewReader(append(bytes.Clone(test.sent), after...))
		c := &smallFrames{Conn: readConn{r: iotest.OneByteReader(sent)}}
		got, err := io.ReadAll(c)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.Equal(got, append(bytes.Clone(test.seen), after...)) {
			t.Errorf("%s: %x, %v", name, got, err)
		}
	}
}
