package frame_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/rfc6455/ws/frame"
)

// sent is one frame that a caller wants to send, and what has to come of it.
type sent struct {
	op      frame.Opcode
	fin     bool
	rsv     uint8
	payload string
	want    string // in hexadecimal, as a server sends it: see wire
	err     error
}

// The rules for a sender, each as a sequence of frames on a fresh Encoder that may use RSV1.
func TestEncoderRules(t *testing.T) {
	big := string(make([]byte, 126))
	for _, c := range []struct {
		id     string
		frames []sent
	}{
		{"TX-5.2-17", []sent{
			{op: 2, fin: true, payload: big[:125], want: "82 7d k" + hexOf(big[:125])},
			{op: 2, fin: true, payload: big, want: "82 7e 00 7e k" + hexOf(big)},
			{op: 2, fin: true, rsv: frame.RSV2, err: frame.ErrReservedBits},
			{op: 2, fin: true, rsv: frame.RSV3 | frame.RSV1, err: frame.ErrReservedBits},
			{op: 9, fin: true, rsv: frame.RSV1, err: frame.ErrReservedBits},
			{op: 2, fin: true, rsv: 8, err: frame.ErrReservedBits},
			{op: 3, fin: true, err: frame.ErrReservedOpcode},
			{op: 11, fin: true, err: frame.ErrReservedOpcode},
			{op: 17, fin: true, err: frame.ErrReservedOpcode},
			{op: 1, fin: true, rsv: frame.RSV1, payload: "x", want: "c1 01 k 78"},
		}},
		{"TX-5.4-09", []sent{
			{op: 0, fin: true, err: frame.ErrUnexpectedContinuation},
			{op: 1, payload: "a", want: "01 01 k 61"},
			{op: 1, payload: "b", err: frame.ErrExpectedContinuation},
			{op: 2, fin: true, payload: "b", err: frame.ErrExpectedContinuation},
			{op: 0, payload: "b", want: "00 01 k 62"},
			{op: 0, rsv: frame.RSV1, payload: "b", err: frame.ErrReservedBits},
			{op: 0, fin: true, want: "80 00 k"},
			{op: 0, err: frame.ErrUnexpectedContinuation},
		}},
		{"frames of TX-5.4-10", []sent{
			{op: 2, payload: "a", want: "02 01 k 61"},
			{op: 10, fin: true, payload: "p", want: "8a 01 k 70"},
			{op: 0, fin: true, payload: "b", want: "80 01 k 62"},
		}},
		{"TX-5.5-08", []sent{
			{op: 9, fin: true, payload: big, err: frame.ErrControlTooLong},
			{op: 10, fin: true, payload: big, err: frame.ErrControlTooLong},
			{op: 8, fin: true, payload: "\x03\xe8" + big[:124], err: frame.ErrControlTooLong},
			{op: 9, payload: "x", err: frame.ErrControlFragmented},
			{op: 9, fin: true, payload: big[:125], want: "89 7d k" + hexOf(big[:125])},
		}},
		{"frames of CL-5.5-09", []sent{
			{op: 1, payload: "a", want: "01 01 k 61"},
			{op: 8, fin: true, payload: "\x03\xe8", want: "88 02 k 03 e8"},
			{op: 0, fin: true, err: frame.ErrCloseSent},
			{op: 9, fin: true, err: frame.ErrCloseSent},
			{op: 8, fin: true, err: frame.ErrCloseSent},
		}},
		{"CL-7.4-06", []sent{
			{op: 8, fin: true, payload: "\x03", err: frame.ErrShortClose},
			{op: 8, fin: true, payload: "\x03\xed", err: frame.ErrCloseCode},
			{op: 8, fin: true, payload: "\x03\xe8\xff", err: frame.ErrCloseReason},
			{op: 8, fin: true, want: "88 00 k"},
		}},
	} {
		t.Run(c.id, func(t *testing.T) {
			for _, role := range bothRoles {
				t.Run(role.String(), func(t *testing.T) {
					e := frame.Encoder{Role: role, AllowRSV1: true}
					for i, f := range c.frames {
						f.check(t, &e, fmt.Sprint("frame ", i))
					}
				})
			}
		})
	}
}

// check sends the frame after some bytes that have to stay.
func (f sent) check(t *testing.T, e *frame.Encoder, name string) {
	t.Helper()
	payload, before := []byte(f.payload), e.InMessage()
	h := frame.Header{Opcode: f.op, Fin: f.fin, RSV: f.rsv, Key: 0, Masked: true}
	got, err := e.AppendFrame([]byte("before"), h, payload)
	if err != f.err {
		t.Fatalf("%s: error %v, want %v", name, err, f.err)
	}
	if string(payload) != f.payload {
		t.Fatalf("%s: the caller's payload became %q, want %q", name, payload, f.payload)
	}
	want := append([]byte("before"), wire(e.Role.Peer(), f.want)...)
	if !bytes.Equal(got, want) {
		t.Fatalf("%s: sent % x, want % x", name, got, want)
	}
	if err != nil && e.InMessage() != before {
		t.Fatalf("%s: InMessage() after an error = %t, want %t as before", name, e.InMessage(), before)
	}
	if err == nil && f.op < 8 && e.InMessage() == f.fin {
		t.Fatalf("%s: InMessage() = %t, want %t", name, e.InMessage(), !f.fin)
	}
}

func TestEncoderMasking(t *testing.T) {
	frames := []frame.Header{
		{Opcode: frame.Text, Key: 0x3d21fa37},
		{Opcode: frame.Ping, Fin: true, Key: 0x01020304},
		{Opcode: frame.Continuation, Fin: true, Key: 0x3d21fa38},
		{Opcode: frame.Close, Fin: true, Key: 0x05060708},
	}
	for _, c := range []struct {
		id   string
		role frame.Role
		want string
	}{
		{"TX-5.1-13", frame.Client, "01 83 37fa213d 7f9f4d 89 80 04030201 80 80 38fa213d 88 80 08070605"},
		{"TX-5.1-14", frame.Server, "01 03 48656c 89 00 80 00 88 00"},
	} {
		t.Run(c.id+"/"+c.role.String(), func(t *testing.T) {
			e := frame.Encoder{Role: c.role}
			var got []byte
			for i, h := range frames {
				var p []byte
				if i == 0 {
					p = []byte("Hel")
				}
				h.Masked = c.role == frame.Server // of no account: Role decides
				var err error
				if got, err = e.AppendFrame(got, h, p); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(got, unhex(c.want)) {
				t.Errorf("sent % x, want %s", got, c.want)
			}
		})
	}
}

func TestEncoderHeader(t *testing.T) {
	var e frame.Encoder
	if _, err := e.AppendHeader(nil, frame.Header{Opcode: frame.Binary, Length: -1}); err != frame.ErrLengthOverflow {
		t.Errorf("negative length: %v, want %v", err, frame.ErrLengthOverflow)
	}
	if _, err := e.AppendHeader(nil, frame.Header{Opcode: frame.Text, RSV: frame.RSV1}); err != frame.ErrReservedBits {
		t.Errorf("RSV1 without compression: %v, want %v", err, frame.ErrReservedBits)
	}
	if _, err := e.AppendHeader(nil, frame.Header{Opcode: frame.Ping, Fin: true, Length: 126}); err != frame.ErrControlTooLong {
		t.Errorf("header of a long ping: %v, want %v", err, frame.ErrControlTooLong)
	}
	if got, err := e.AppendHeader(nil, frame.Header{Opcode: frame.Close, Fin: true, Length: 1}); err != frame.ErrShortClose {
		t.Errorf("header of a Close frame of one byte: % x, %v, want %v", got, err, frame.ErrShortClose)
	}
	got, err := e.AppendHeader(nil, frame.Header{Opcode: frame.Binary, Fin: true, Length: 1 << 40})
	if want := unhex("82 7f 00 00 01 00 00 00 00 00"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("header of a terabyte: % x, %v, want % x", got, err, want)
	}
}

// AppendMessage does what AppendFrame does and refuses what AppendFrame refuses, whatever was sent
// before. It leaves the Encoder in the same state.
func TestAppendMessage(t *testing.T) {
	before := map[string][]frame.Header{
		"nothing":              nil,
		"a whole message":      {{Opcode: frame.Text, Fin: true}},
		"a part of a message":  {{Opcode: frame.Binary}},
		"the end of a message": {{Opcode: frame.Binary}, {Fin: true}},
		"a Close frame":        {{Opcode: frame.Close, Fin: true}},
	}
	for name, headers := range before {
		for _, role := range bothRoles {
			t.Run(name+"/"+role.String(), func(t *testing.T) { compareAppends(t, role, headers) })
		}
	}
}

// compareAppends calls AppendMessage and AppendFrame on two equal Encoders that have sent headers.
func compareAppends(t *testing.T, role frame.Role, headers []frame.Header) {
	for op := range frame.Opcode(17) {
		for _, size := range []int{0, 1, 125, 126, 127, 65535, 65536, 70000} {
			a, b := frame.Encoder{Role: role}, frame.Encoder{Role: role}
			for _, h := range headers {
				_, _ = a.AppendFrame(nil, h, nil)
				_, _ = b.AppendFrame(nil, h, nil)
			}
			p := bytes.Repeat([]byte("payload "), size/8+1)[:size]
			if op == frame.Close {
				p = nil
			}
			dst := []byte("before")
			want, wantErr := a.AppendFrame(dst, frame.Header{Opcode: op, Fin: true, Key: 0x01020304}, p)
			got, err := b.AppendMessage(dst, op, 0x01020304, p)
			if !bytes.Equal(got, want) || err != wantErr || a != b {
				t.Fatalf("opcode %d, %d bytes: %v, and the Encoder is %v, want %v, %v, as from AppendFrame", op, size, err, b, wantErr, a)
			}
		}
	}
}
