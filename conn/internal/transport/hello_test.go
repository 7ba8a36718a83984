package transport

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// record is a record of TLS that begins with a ClientHello, or something else.
func record(kind, message byte, length int) []byte {
	p := bytes.Repeat([]byte{7}, recordHeader+length)
	p[0], p[1], p[2] = kind, majorVersion, 1
	binary.BigEndian.PutUint16(p[3:], uint16(length))
	if length > 0 {
		p[recordHeader] = message
	}
	return p
}

// split returns what a helloSplitter makes of stream, read into room bytes at a time.
func split(t testing.TB, stream io.Reader, room int) []byte {
	var h helloSplitter
	var got []byte
	p := make([]byte, room)
	for {
		n, err := h.read(stream, p)
		got = append(got, p[:n]...)
		if err == io.EOF {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestHelloSplitter: the record of a long ClientHello comes as short ones, whatever the reads
// return. All other bytes stay as they are.
func TestHelloSplitter(t *testing.T) {
	const trailer = "\x16\x03\x03\x02\x58\x01 what follows"
	lengths := []int{0, 1, shortRecord, shortRecord + 1, 1500, 3*shortRecord + 1, maxFragment}
	for _, length := range lengths {
		hello := record(typeHandshake, clientHello, length)
		for name, r := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r },
			"half":  iotest.HalfReader,
			"EOF":   iotest.DataErrReader,
		} {
			got := split(t, r(bytes.NewReader(append(hello, trailer...))), 600)
			var payload []byte
			for len(payload) < length {
				n := int(binary.BigEndian.Uint16(got[3:]))
				if n > shortRecord || !bytes.Equal(got[:3], hello[:3]) {
					t.Fatalf("%d, %s: got a record with header % x, want %d bytes at most",
						length, name, got[:recordHeader], shortRecord)
				}
				payload = append(payload, got[recordHeader:recordHeader+n]...)
				got = got[recordHeader+n:]
			}
			if length == 0 { // there is the header only
				got = got[recordHeader:]
			}
			if !bytes.Equal(payload, hello[recordHeader:]) || string(got) != trailer {
				t.Errorf("%d, %s: the bytes have changed", length, name)
			}
		}
	}
	for name, stream := range map[string][]byte{
		"HTTP":        bytes.Repeat([]byte("GET / HTTP/1.1\r\n"), 100),
		"other type":  record(23, clientHello, 1500),
		"other hello": record(typeHandshake, 2, 1500),
		"too long":    record(typeHandshake, clientHello, maxFragment+1),
		"nothing":     nil,
	} {
		if got := split(t, bytes.NewReader(stream), 600); !bytes.Equal(got, stream) {
			t.Errorf("%s: the bytes have changed", name)
		}
	}
	long := record(typeHandshake, clientHello, 1500)
	if got := split(t, bytes.NewReader(long), 5); !bytes.Equal(got, long) {
		t.Error("short reads: the bytes have changed")
	}
}

// helloConn is a net.Conn that reads by a helloSplitter.
type helloConn struct {
	net.Conn
	hello helloSplitter
}

func (c *helloConn) Read(p []byte) (int, error) { return c.hello.read(c.Conn, p) }

// FuzzHelloSplitter: whatever a stream holds, nothing is lost, and nothing is added but the headers
// of short records.
func FuzzHelloSplitter(f *testing.F) {
	f.Add(record(typeHandshake, clientHello, 1500), 600)
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), 4096)
	f.Fuzz(func(t *testing.T, stream []byte, room int) {
		room = readLeast + room&0xfff
		got := split(t, bytes.NewReader(stream), room)
		if more := len(got) - len(stream); more < 0 || more > maxFragment/shortRecord*recordHeader {
			t.Errorf("%d bytes became %d", len(stream), len(got))
		}
	})
}

// TestHelloSplitterTLS: crypto/tls shakes hands by records that were divided.
func TestHelloSplitterTLS(t *testing.T) {
	srv := httptest.NewTLSServer(nil) // for its certificate
	srv.Close()
	long := slices.Repeat([]string{strings.Repeat("x", 250)}, 40) // a ClientHello of 10 KB
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		a, b := net.Pipe()
		wire := &helloConn{Conn: b}
		server := tls.Server(wire, &tls.Config{Certificates: srv.TLS.Certificates})
		client := tls.Client(a, &tls.Config{
			InsecureSkipVerify: true, MaxVersion: version, NextProtos: long,
		})
		go func() {
			if client.Handshake() == nil {
				_, _ = client.Write([]byte("hello"))
			}
			_ = a.Close()
		}()
		p := make([]byte, 5)
		if _, err := io.ReadFull(server, p); err != nil || string(p) != "hello" {
			t.Errorf("version %x: got %q, %v", version, p, err)
		}
		if wire.hello.minor == 0 {
			t.Errorf("version %x: nothing was divided", version)
		}
	}
}
