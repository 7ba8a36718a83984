// Package zlibtest checks package deflate against the C library that most peers use. It is a module
// of its own, so that nothing else needs cgo or zlib's header. If zlib is installed (zlib1g-dev,
// zlib-devel), run it as "go test ." in this folder.
package zlibtest

/*
#cgo LDFLAGS: -lz
#include <stdlib.h>
#include <zlib.h>

// The init functions are macros.
static int deflate_init(z_stream *z, int level, int bits, int memory, int strategy) {
	return deflateInit2(z, level, Z_DEFLATED, -bits, memory, strategy);
}
static int inflate_init(z_stream *z, int bits) { return inflateInit2(z, -bits); }
*/
import "C"

import (
	"bytes"
	"fmt"
	"unsafe"
)

var tail = []byte{0, 0, 0xff, 0xff}

// deflater is zlib's side of one direction with context takeover.
type deflater struct{ z *C.z_stream }

func newDeflater(level, bits, memory, strategy int) (*deflater, error) {
	z := (*C.z_stream)(C.calloc(1, C.sizeof_z_stream))
	if r := C.deflate_init(z, C.int(level), C.int(bits), C.int(memory), C.int(strategy)); r != C.Z_OK {
		C.free(unsafe.Pointer(z))
		return nil, fmt.Errorf("deflateInit2: %d", r)
	}
	return &deflater{z}, nil
}

// message compresses one message (RFC 7692 section 7.2.1).
func (d *deflater) message(text []byte) ([]byte, error) {
	in := C.CBytes(text)
	defer C.free(in)
	room := 2*len(text) + 1000
	out := C.malloc(C.size_t(room))
	defer C.free(out)
	d.z.next_in, d.z.avail_in = (*C.Bytef)(in), C.uInt(len(text))
	d.z.next_out, d.z.avail_out = (*C.Bytef)(out), C.uInt(room)
	r := C.deflate(d.z, C.Z_SYNC_FLUSH)
	n := room - int(d.z.avail_out)
	switch {
	case r == C.Z_BUF_ERROR && n == 0: // nothing new to flush
		return []byte{0}, nil
	case r != C.Z_OK || d.z.avail_out == 0:
		return nil, fmt.Errorf("deflate: %d", r)
	}
	return bytes.TrimSuffix(C.GoBytes(out, C.int(n)), tail), nil
}

func (d *deflater) close() {
	C.deflateEnd(d.z)
	C.free(unsafe.Pointer(d.z))
}

// inflater is zlib's side of one direction with context takeover. Its window has exactly the given
// size.
type inflater struct{ z *C.z_stream }

func newInflater(bits int) (*inflater, error) {
	z := (*C.z_stream)(C.calloc(1, C.sizeof_z_stream))
	if r := C.inflate_init(z, C.int(bits)); r != C.Z_OK {
		C.free(unsafe.Pointer(z))
		return nil, fmt.Errorf("inflateInit2: %d", r)
	}
	return &inflater{z}, nil
}

// message inflates one message of at most limit bytes (RFC 7692 section 7.2.2).
func (d *inflater) message(wire []byte, limit int) ([]byte, error) {
	whole := append(bytes.Clone(wire), tail...)
	in := C.CBytes(whole)
	defer C.free(in)
	out := C.malloc(C.size_t(limit + 1))
	defer C.free(out)
	d.z.next_in, d.z.avail_in = (*C.Bytef)(in), C.uInt(len(whole))
	d.z.next_out, d.z.avail_out = (*C.Bytef)(out), C.uInt(limit+1)
	if r := C.inflate(d.z, C.Z_SYNC_FLUSH); r != C.Z_OK || d.z.avail_in != 0 {
		return nil, fmt.Errorf("inflate: %d %s, %d bytes left", r, C.GoString(d.z.msg), d.z.avail_in)
	}
	return C.GoBytes(out, C.int(limit+1-int(d.z.avail_out))), nil
}

func (d *inflater) close() {
	C.inflateEnd(d.z)
	C.free(unsafe.Pointer(d.z))
}
