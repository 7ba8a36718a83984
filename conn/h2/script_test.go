package h2_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/h2"
	"github.com/rfc6455/ws/frame"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// script is a server of HTTP/2 that does what the test says, for one connection.
type script struct {
	*testing.T
	ctx   context.Context
	url   string
	d     *h2.Dialer
	nc    net.Conn
	fr    *http2.Framer
	block bytes.Buffer
}

// withScript runs f with a server that has not accepted a connection yet.
func withScript(f func(s *script, ln net.Listener)) func(*testing.T) {
	return func(t *testing.T) {
		ctx, cancel := context.WithTimeout(bg, 20*time.Second)
		defer cancel()
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		s := &script{T: t, ctx: ctx, url: "ws://" + ln.Addr().String() + "/chat?x=1", d: &h2.Dialer{Cleartext: true}}
		f(s, ln)
		s.d.CloseIdleConnections()
		if s.nc != nil {
			_ = s.nc.Close()
		}
	}
}

// accept accepts the connection and reads its preface.
func (s *script) accept(ln net.Listener) {
	nc, err := ln.Accept()
	if err != nil {
		s.Fatal(err)
	}
	_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(nc, preface); err != nil || string(preface) != http2.ClientPreface {
		s.Fatalf("%q, %v", preface, err)
	}
	s.nc, s.fr = nc, http2.NewFramer(nc, nc)
	s.fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
}

// allow sends SETTINGS that allow extended CONNECT.
func (s *script) allow() {
	if err := s.fr.WriteSettings(http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 1}); err != nil {
		s.Fatal(err)
	}
}

// next returns the next frame of a type that matters to the tests.
func (s *script) next() http2.Frame {
	s.Helper()
	for {
		f, err := s.fr.ReadFrame()
		if err != nil {
			s.Fatal(err)
		}
		switch f := f.(type) {
		case *http2.SettingsFrame, *http2.WindowUpdateFrame:
		case *http2.PingFrame:
			if !f.IsAck() {
				_ = s.fr.WritePing(true, f.Data)
			}
		default:
			return f
		}
	}
}

// request returns the fields of the request.
func (s *script) request() map[string]string {
	s.Helper()
	f, ok := s.next().(*http2.MetaHeadersFrame)
	if !ok || f.StreamEnded() {
		s.Fatalf("%v", f)
	}
	fields := map[string]string{}
	for _, field := range f.Fields {
		if field.Name != strings.ToLower(field.Name) {
			s.Errorf("%q is not in lower case", field.Name)
		}
		fields[field.Name] = field.Value
	}
	return fields
}

// respond sends a response with the lines "name: value".
func (s *script) respond(lines ...string) {
	s.Helper()
	s.block.Reset()
	enc := hpack.NewEncoder(&s.block)
	for _, line := range lines {
		i := strings.Index(line[1:], ": ") + 1
		_ = enc.WriteField(hpack.HeaderField{Name: line[:i], Value: line[i+2:]})
	}
	if err := s.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: s.block.Bytes(), EndHeaders: true}); err != nil {
		s.Fatal(err)
	}
}

// dialed is what Dial returns.
type dialed struct {
	c    *ws.Conn
	resp *http.Response
	err  error
}

func (s *script) dial() chan dialed {
	done := make(chan dialed, 1)
	go func() {
		c, resp, err := s.d.Dial(s.ctx, s.url)
		done <- dialed{c, resp, err}
	}()
	return done
}

// open opens a socket.
func (s *script) open(ln net.Listener) *ws.Conn {
	s.Helper()
	done := s.dial()
	s.accept(ln)
	s.allow()
	s.request()
	s.respond(":status: 200")
	r := <-done
	if r.err != nil {
		s.Fatal(r.err)
	}
	s.Cleanup(func() { _ = r.c.CloseNow() })
	return r.c
}

// data sends a DATA frame.
func (s *script) data(p string) {
	s.Helper()
	if err := s.fr.WriteData(1, false, []byte(p)); err != nil {
		s.Fatal(err)
	}
}

// want reads DATA frames until they hold one frame of the client. It returns that frame and its
// masking key.
func (s *script) want() (h frame.Header, payload string) {
	s.Helper()
	var b []byte
	for {
		f, ok := s.next().(*http2.DataFrame)
		if !ok || f.StreamEnded() {
			s.Fatalf("%v", f)
		}
		b = append(b, f.Data()...)
		h, n, err := frame.Parse(b)
		if err != nil {
			s.Fatal(err)
		}
		if n > 0 && int64(len(b)-n) >= h.Length {
			p := b[n:]
			for i := range p {
				p[i] ^= byte(h.Key >> (8 * (i % 4)))
			}
			return h, string(p)
		}
	}
}
