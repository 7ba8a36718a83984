package h2client

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"

	"github.com/rfc6455/ws/conn/internal/wstest"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// script is a server that does what a test says, on one connection.
type script struct {
	*testing.T
	*http2.Framer
	nc     net.Conn
	client *Client
	dials  int
	block  bytes.Buffer
	enc    *hpack.Encoder
}

// bubble runs f with a server in a synctest bubble. The client connects when the first request is
// sent.
func bubble(t *testing.T, f func(s *script)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &script{T: t, client: new(Client)}
		s.enc = hpack.NewEncoder(&s.block)
		s.client.Dial = func(context.Context, *url.URL) (net.Conn, error) {
			s.dials++
			theirs, ours := wstest.Pipe(1 << 20)
			s.nc, s.Framer = ours, http2.NewFramer(ours, ours)
			s.ReadMetaHeaders = hpack.NewDecoder(tableSize, nil)
			s.AllowIllegalWrites = true
			go func() { // the preface, before f reads frames
				_, _ = io.CopyN(io.Discard, ours, int64(len(http2.ClientPreface)))
			}()
			return theirs, nil
		}
		f(s)
		s.client.CloseIdleConnections()
		if s.nc != nil {
			_ = s.nc.Close()
		}
	})
}

var allow = http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 1}

type answer struct {
	s   *Stream
	err error
}

// ask sends a request.
func (s *script) ask(ctx context.Context) chan answer {
	done := make(chan answer, 1)
	go func() {
		r := &http.Request{
			Method: http.MethodConnect, URL: &url.URL{Scheme: "https", Host: "server.example", Path: "/"},
			Header: http.Header{":protocol": {"websocket"}},
		}
		resp, err := s.client.RoundTrip(r.WithContext(ctx))
		if err != nil {
			done <- answer{nil, err}
			return
		}
		done <- answer{resp.Body.(*Stream), nil}
	}()
	synctest.Wait()
	return done
}

// open opens a stream, the first of a connection or a later one.
func (s *script) open(settings ...http2.Setting) *Stream {
	s.Helper()
	before := s.dials
	done := s.ask(context.Background())
	if s.dials > before {
		_ = s.WriteSettings(append(settings, allow)...)
	}
	id := s.want(http2.FrameHeaders).Header().StreamID
	s.respond(id, false, ":status", "200")
	a := <-done
	if a.err != nil {
		s.Fatal(a.err)
	}
	return a.s
}

// respond sends a HEADERS frame.
func (s *script) respond(id uint32, end bool, fields ...string) {
	s.block.Reset()
	for i := 0; i < len(fields); i += 2 {
		_ = s.enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	_ = s.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: s.block.Bytes(), EndHeaders: true, EndStream: end})
	synctest.Wait()
}

// want reads frames up to the next one of a type.
func (s *script) want(typ http2.FrameType) http2.Frame {
	s.Helper()
	for {
		f, err := s.ReadFrame()
		if err != nil {
			s.Fatalf("%v, want %v", err, typ)
		}
		if f.Header().Type == typ {
			return f
		}
	}
}

// wantReset reads up to an RST_STREAM with a code.
func (s *script) wantReset(code http2.ErrCode) {
	s.Helper()
	if f := s.want(http2.FrameRSTStream).(*http2.RSTStreamFrame); f.ErrCode != code {
		s.Errorf("RST_STREAM with %v, want %v", f.ErrCode, code)
	}
}
