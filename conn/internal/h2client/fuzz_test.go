package h2client

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// bytesConn is a connection to a server that sends the same bytes, whatever it receives.
type bytesConn struct {
	net.Conn
	in     *bytes.Reader
	once   sync.Once
	closed chan struct{}
}

func (c *bytesConn) Read(p []byte) (int, error)  { return c.in.Read(p) }
func (c *bytesConn) Write(p []byte) (int, error) { return len(p), nil }
func (c *bytesConn) Close() error                { c.once.Do(func() { close(c.closed) }); return nil }

// seeds returns what servers send: correct conversations, and those of the other tests' tables.
func seeds() [][]byte {
	var out [][]byte
	for _, write := range []func(fr *http2.Framer, head []byte){
		func(fr *http2.Framer, head []byte) {
			_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: head, EndHeaders: true})
			_ = fr.WriteDataPadded(1, false, []byte("\x81\x02hi"), make([]byte, 9))
			_ = fr.WritePing(false, [8]byte{1})
			_ = fr.WriteWindowUpdate(1, 100)
			_ = fr.WriteWindowUpdate(0, 100)
			_ = fr.WriteData(1, true, []byte("\x88\x02\x03\xe8"))
		},
		func(fr *http2.Framer, head []byte) {
			_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: head[:1]})
			_ = fr.WriteContinuation(1, true, head[1:])
			_ = fr.WriteRSTStream(1, http2.ErrCodeCancel)
			_ = fr.WriteGoAway(0, http2.ErrCodeEnhanceYourCalm, []byte("why"))
		},
		func(fr *http2.Framer, head []byte) {
			_ = fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: maxWindow}, http2.Setting{ID: http2.SettingHeaderTableSize, Val: 0})
			_ = fr.WriteWindowUpdate(1, maxWindow)
			_ = fr.WriteData(3, false, nil)
			_ = fr.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, EndHeaders: true})
		},
	} {
		var b, block bytes.Buffer
		fr := http2.NewFramer(&b, nil)
		fr.AllowIllegalWrites = true
		enc := hpack.NewEncoder(&block)
		_ = enc.WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
		_ = enc.WriteField(hpack.HeaderField{Name: "sec-websocket-protocol", Value: "chat"})
		_ = fr.WriteSettings(allow, http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1})
		write(fr, block.Bytes())
		out = append(out, b.Bytes())
	}
	return out
}

// FuzzServer feeds a client any bytes as what a server sends. The request, reads and writes end
// when the connection has ended, nothing panics, and what is held stays within the windows.
func FuzzServer(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		nc := &bytesConn{in: bytes.NewReader(sent), closed: make(chan struct{})}
		dials := 0
		c := &Client{Dial: func(context.Context, *url.URL) (net.Conn, error) {
			if dials++; dials > 1 {
				return nil, net.ErrClosed
			}
			return nc, nil
		}}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		r := &http.Request{
			Method: http.MethodConnect, URL: &url.URL{Scheme: "https", Host: "x", Path: "/"},
			Header: http.Header{":protocol": {"websocket"}},
		}
		resp, err := c.RoundTrip(r.WithContext(ctx))
		if err == nil {
			s := resp.Body.(*Stream)
			_, _ = s.Write([]byte("hello"))
			if n, _ := io.Copy(io.Discard, s); n > int64(len(sent)) {
				t.Errorf("%d bytes were read of %d sent, want no more", n, len(sent))
			}
			s.Abort()
		}
		if ctx.Err() != nil {
			t.Error("the request goes on, want it to end")
		}
		<-nc.closed
	})
}
