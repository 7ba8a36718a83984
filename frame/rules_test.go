package frame_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rfc6455/ws/frame"
)

// rule is one row of docs/requirements.md, as far as the bytes that a peer sends can show it. If
// the row asks for more than that, for an answer for example, the rule's name says "bytes of", and
// package conn shows the row.
type rule struct {
	id    string
	roles string // of this endpoint: S, C or B for both
	cases []ruleCase
}

// ruleCase is one input and what has to come of it. An input that ends in an error ends with the
// very byte at which the error can be known. A decoder that is fed byte by byte has to fail there
// and not later.
type ruleCase struct {
	name  string
	input string // a spec, see wire
	want  []string
	err   *frame.Error
	limit frame.Decoder // MaxMessage, MaxFragments and AllowRSV1
}

var deflate = frame.Decoder{AllowRSV1: true}

// text, binary, ping, pong and closing return expected events.
func text(s string) string   { return event(frame.Text, []byte(s)) }
func binary(s string) string { return event(frame.Binary, []byte(s)) }
func ping(s string) string   { return event(frame.Ping, []byte(s)) }
func pong(s string) string   { return event(frame.Pong, []byte(s)) }
func closing(s string) string {
	return event(frame.Close, []byte(s))
}

func TestRules(t *testing.T) {
	for _, r := range slices.Concat(headerRules(), messageRules(), controlRules(), utf8Rules(), limitRules()) {
		t.Run(r.id, func(t *testing.T) {
			if r.roles != "C" {
				t.Run("server", func(t *testing.T) { r.run(t, frame.Server) })
			}
			if r.roles != "S" {
				t.Run("client", func(t *testing.T) { r.run(t, frame.Client) })
			}
		})
	}
}

// run feeds each case whole, byte by byte, in random pieces and past Step.
func (r rule) run(t *testing.T, role frame.Role) {
	for _, c := range r.cases {
		t.Run(c.name, func(t *testing.T) {
			in := wire(role, c.input)
			if r.roles != "B" { // the masking itself is what is wrong
				in = unhex(c.input)
			}
			c.check(t, role, in, "whole", whole)
			c.check(t, role, in, "bytes", singleBytes)
			c.check(t, role, in, "take", wholeWithTake)
			for seed := range uint64(8) {
				c.check(t, role, in, fmt.Sprint("seed ", seed), random(seed))
			}
		})
	}
}

// check feeds the case split in one way.
func (c ruleCase) check(t *testing.T, role frame.Role, in []byte, how string, next split) {
	t.Helper()
	d := c.limit
	d.Role = role
	tr := feed(t, &d, in, next)
	if c.err == nil && tr.err != nil || c.err != nil && tr.err != error(c.err) {
		t.Fatalf("%s: error %v, want %v", how, tr.err, c.err)
	}
	if !slices.Equal(tr.events, c.want) {
		t.Fatalf("%s: events %q, want %q", how, tr.events, c.want)
	}
	if c.err != nil && how == "bytes" && tr.at != len(in) {
		t.Fatalf("%s: failed at byte %d of % x, want the last", how, tr.at, in)
	}
	if c.err == nil && !d.Between() {
		t.Fatalf("%s: a part of a frame is held at the end", how)
	}
}

func headerRules() []rule {
	return []rule{
		{"RX-5.1-01", "S", []ruleCase{
			{name: "text", input: "81 02", err: frame.ErrMaskRequired},
			{name: "empty", input: "81 00", err: frame.ErrMaskRequired},
			{name: "ping", input: "89 00", err: frame.ErrMaskRequired},
			{name: "close", input: "88 02", err: frame.ErrMaskRequired},
			{name: "second frame", input: "01 81 00000000 61 80 01", err: frame.ErrMaskRequired},
		}},
		{"RX-5.1-02", "C", []ruleCase{
			{name: "text", input: "81 82", err: frame.ErrMaskForbidden},
			{name: "empty", input: "81 80", err: frame.ErrMaskForbidden},
			{name: "ping", input: "89 80", err: frame.ErrMaskForbidden},
			{name: "second frame", input: "01 01 61 80 81", err: frame.ErrMaskForbidden},
		}},
		{"RX-5.2-03", "B", reservedBits()},
		{"RX-5.2-04", "B", reservedOpcodes()},
		{"RX-5.2-05", "B", lengths()},
		{"RX-5.2-06", "B", []ruleCase{
			{name: "2^63", input: "82 7f 80 00 00 00 00 00 00 00", err: frame.ErrLengthOverflow},
			{name: "2^64-1", input: "82 7f ff ff ff ff ff ff ff ff", err: frame.ErrLengthOverflow},
			{name: "2^63+5", input: "81 7f 80 00 00 00 00 00 00 05", err: frame.ErrLengthOverflow},
			{name: "continuation", input: "01 00 k|80 7f 80 00 00 00 00 00 00 00", err: frame.ErrLengthOverflow},
			{
				name: "before the limit", input: "82 7f 80 00 00 00 00 00 00 00", err: frame.ErrLengthOverflow,
				limit: frame.Decoder{MaxMessage: 10},
			},
		}},
		{"RX-5.2-07", "B", []ruleCase{
			{name: "0 in 16 bits", input: "82 7e 00 00", err: frame.ErrLengthNotMinimal},
			{name: "5 in 16 bits", input: "81 7e 00 05", err: frame.ErrLengthNotMinimal},
			{name: "125 in 16 bits", input: "81 7e 00 7d", err: frame.ErrLengthNotMinimal},
			{name: "5 in 64 bits", input: "81 7f 00 00 00 00 00 00 00 05", err: frame.ErrLengthNotMinimal},
			{name: "126 in 64 bits", input: "82 7f 00 00 00 00 00 00 00 7e", err: frame.ErrLengthNotMinimal},
			{name: "65535 in 64 bits", input: "82 7f 00 00 00 00 00 00 ff ff", err: frame.ErrLengthNotMinimal},
		}},
		{"RX-5.2-08", "B", []ruleCase{{
			name:  "fragments of 1, 2, 3 and 5",
			input: "01 01 k 61|00 02 k 62 63|00 03 k 64 65 66|80 05 k 67 68 69 6a 6b",
			want:  []string{text("abcdefghijk")},
		}}},
		{"RX-5.2-09", "B", []ruleCase{{
			name: "every length form",
			input: "82 02 k 01 02|82 7e 00 7e k" + strings.Repeat("07", 126) +
				"|89 01 k 08|82 7f 00 00 00 00 00 01 00 00 k" + strings.Repeat("09", 65536),
			want: []string{
				binary("\x01\x02"), binary(strings.Repeat("\x07", 126)), ping("\x08"), binary(strings.Repeat("\x09", 65536)),
			},
		}}},
		{"RX-5.2-11", "B", []ruleCase{{
			name: "payload is application data", input: "c2 03 k 01 02 03", limit: deflate,
			want: []string{"compressed " + binary("\x01\x02\x03")},
		}}},
		{"RX-5.7-12", "B", []ruleCase{
			{name: "hello", input: "81 05 k 48 65 6c 6c 6f", want: []string{text("Hello")}},
			{name: "fragmented", input: "01 03 k 48 65 6c|80 02 k 6c 6f", want: []string{text("Hello")}},
			{
				name: "ping and pong", input: "89 05 k 48 65 6c 6c 6f|8a 05 k 48 65 6c 6c 6f",
				want: []string{ping("Hello"), pong("Hello")},
			},
			{
				name: "256 bytes", input: "82 7e 01 00 k" + strings.Repeat("fe", 256),
				want: []string{binary(strings.Repeat("\xfe", 256))},
			},
			{
				name: "64 KiB", input: "82 7f 00 00 00 00 00 01 00 00 k" + strings.Repeat("fe", 65536),
				want: []string{binary(strings.Repeat("\xfe", 65536))},
			},
		}},
	}
}

// reservedBits has every non-zero combination of the three bits on every known opcode. The first
// byte is enough.
func reservedBits() (cases []ruleCase) {
	for rsv := 1; rsv <= 7; rsv++ {
		for _, op := range []int{0, 1, 2, 8, 9, 10} {
			cases = append(cases, ruleCase{
				name:  fmt.Sprintf("rsv %d opcode %d", rsv, op),
				input: fmt.Sprintf("%02x", 0x80|rsv<<4|op),
				err:   frame.ErrReservedBits,
			})
		}
	}
	return cases
}

// reservedOpcodes has every reserved opcode, with and without FIN, between messages and within one.
// The first byte is enough.
func reservedOpcodes() (cases []ruleCase) {
	for _, op := range []int{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		for _, fin := range []int{0, 0x80} {
			for _, before := range []string{"", "01 01 k 61|"} {
				cases = append(cases, ruleCase{
					name:  fmt.Sprintf("%02x after %q", op|fin, before),
					input: fmt.Sprintf("%s%02x", before, op|fin),
					err:   frame.ErrReservedOpcode,
				})
			}
		}
	}
	return cases
}

// lengths has the least and the greatest lengths of the three forms.
func lengths() (cases []ruleCase) {
	for _, n := range []int{0, 1, 125, 126, 127, 128, 65535, 65536} {
		head := fmt.Sprintf("82 %02x k", n)
		if n > 65535 {
			head = fmt.Sprintf("82 7f %016x k", n)
		} else if n > 125 {
			head = fmt.Sprintf("82 7e %04x k", n)
		}
		cases = append(cases, ruleCase{
			name:  fmt.Sprint(n),
			input: head + strings.Repeat("c3", n),
			want:  []string{binary(strings.Repeat("\xc3", n))},
		})
	}
	return cases
}

func messageRules() []rule {
	return []rule{
		{"RX-5.4-01", "B", []ruleCase{
			{
				name:  "two",
				input: "01 09 k" + hexOf("fragment1") + "|80 09 k" + hexOf("fragment2"),
				want:  []string{text("fragment1fragment2")},
			},
			{name: "four", input: "02 01 k 01|00 01 k 02|00 01 k 03|80 01 k 04", want: []string{binary("\x01\x02\x03\x04")}},
		}},
		{"RX-5.4-02", "B", []ruleCase{
			{name: "first", input: "80", err: frame.ErrUnexpectedContinuation},
			{name: "first without FIN", input: "00", err: frame.ErrUnexpectedContinuation},
			{name: "after a message", input: "81 00 k|80", want: []string{text("")}, err: frame.ErrUnexpectedContinuation},
			{
				name: "after a fragmented message", input: "01 01 k 61|80 01 k 62|00",
				want: []string{text("ab")}, err: frame.ErrUnexpectedContinuation,
			},
		}},
		{"RX-5.4-03", "B", []ruleCase{
			{name: "text in text", input: "01 01 k 61|81", err: frame.ErrExpectedContinuation},
			{name: "binary in text", input: "01 01 k 61|02", err: frame.ErrExpectedContinuation},
			{name: "after an empty fragment", input: "02 00 k|82", err: frame.ErrExpectedContinuation},
			{name: "after two fragments", input: "01 01 k 61|00 01 k 62|01", err: frame.ErrExpectedContinuation},
		}},
		{"RX-5.4-04", "B", []ruleCase{{
			name: "ping within", input: "01 01 k 61|89 01 k 78|80 01 k 62", want: []string{ping("x"), text("ab")},
		}, {
			name: "inside a code point", input: "01 01 k ce|8a 02 k ff fe|80 01 k ba", want: []string{pong("\xff\xfe"), text("κ")},
		}}},
		{"RX-5.4-05", "B", []ruleCase{
			{name: "all", input: "01 00 k|00 00 k|80 00 k", want: []string{text("")}},
			{name: "first", input: "02 00 k|80 01 k 61", want: []string{binary("a")}},
			{name: "middle", input: "01 01 k 61|00 00 k|80 01 k 62", want: []string{text("ab")}},
			{name: "last", input: "01 01 k 61|80 00 k", want: []string{text("a")}},
		}},
		{"RX-5.4-07", "B", []ruleCase{
			{name: "two bytes", input: "01 01 k ce|80 01 k ba", want: []string{text("κ")}},
			{name: "four bytes", input: "01 01 k f0|00 01 k 9f|00 00 k|00 01 k 98|80 01 k 80", want: []string{text("😀")}},
			{name: "type of the first", input: "02 01 k ff|80 01 k fe", want: []string{binary("\xff\xfe")}},
		}},
		{"RX-5.4-08", "B", []ruleCase{{
			name: "after a ping", input: "01 01 k 61|89 00 k|82", want: []string{ping("")}, err: frame.ErrExpectedContinuation,
		}}},
		{"bytes of RX-6.2-12", "B", []ruleCase{
			{name: "text", input: "81 00 k", want: []string{text("")}},
			{name: "binary", input: "82 00 k|82 00 k", want: []string{binary(""), binary("")}},
		}},
		{"RX-6.2-13", "B", []ruleCase{
			{name: "one frame", input: "82 02 k ff fe", want: []string{binary("\xff\xfe")}},
			{name: "ends as if inside a code point", input: "82 01 k f4|81 01 k 61", want: []string{binary("\xf4"), text("a")}},
		}},
		{"bytes of PD-6-03", "B", []ruleCase{{
			name: "mixed", input: "c1 01 k 00|81 01 k 61|c2 01 k 00", limit: deflate,
			want: []string{"compressed " + text("\x00"), text("a"), "compressed " + binary("\x00")},
		}}},
		{"PD-6-04", "B", []ruleCase{
			{name: "RSV2", input: "a1", err: frame.ErrReservedBits, limit: deflate},
			{name: "RSV3", input: "91", err: frame.ErrReservedBits, limit: deflate},
			{name: "RSV1 and RSV3", input: "d1", err: frame.ErrReservedBits, limit: deflate},
			{name: "RSV1 and RSV2", input: "e2", err: frame.ErrReservedBits, limit: deflate},
		}},
		{"PD-6.1-02", "B", []ruleCase{
			{name: "continuation", input: "01 01 k 61|c0", err: frame.ErrReservedBits, limit: deflate},
			{name: "continuation, compressed", input: "41 01 k 61|40", err: frame.ErrReservedBits, limit: deflate},
			{name: "ping", input: "c9", err: frame.ErrReservedBits, limit: deflate},
			{name: "close", input: "c8", err: frame.ErrReservedBits, limit: deflate},
		}},
		{"bytes of PD-6-17", "B", []ruleCase{{
			name: "ping within", input: "41 03 k f2 48 cd|89 00 k|80 04 k c9 c9 07 00", limit: deflate,
			want: []string{ping(""), "compressed " + text("\xf2\x48\xcd\xc9\xc9\x07\x00")},
		}}},
		{"bytes of PD-6-25", "B", []ruleCase{{
			name: "empty first frame", input: "41 00 k|80 07 k f2 48 cd c9 c9 07 00", limit: deflate,
			want: []string{"compressed " + text("\xf2\x48\xcd\xc9\xc9\x07\x00")},
		}}},
	}
}

func controlRules() []rule {
	return []rule{
		{"RX-5.5-01", "B", []ruleCase{
			{name: "ping 126", input: "89 7e", err: frame.ErrControlTooLong},
			{name: "pong 126", input: "8a 7e", err: frame.ErrControlTooLong},
			{name: "close 126", input: "88 7e", err: frame.ErrControlTooLong},
			{name: "ping 64 bits", input: "89 7f", err: frame.ErrControlTooLong},
			{name: "close 64 bits", input: "88 7f", err: frame.ErrControlTooLong},
		}},
		{"RX-5.5-02", "B", []ruleCase{
			{name: "close", input: "08", err: frame.ErrControlFragmented},
			{name: "ping", input: "09", err: frame.ErrControlFragmented},
			{name: "pong", input: "0a", err: frame.ErrControlFragmented},
			{name: "within a message", input: "01 00 k|09", err: frame.ErrControlFragmented},
		}},
		{"bytes of RX-5.5-03", "B", []ruleCase{
			{name: "empty", input: "89 00 k", want: []string{ping("")}},
			{name: "hello", input: "89 0d k" + hexOf("Hello, world!"), want: []string{ping("Hello, world!")}},
			{name: "binary", input: "89 08 k 00 ff fe fd fc fb 00 ff", want: []string{ping("\x00\xff\xfe\xfd\xfc\xfb\x00\xff")}},
			{name: "125", input: "89 7d k" + strings.Repeat("fe", 125), want: []string{ping(strings.Repeat("\xfe", 125))}},
		}},
		{"bytes of RX-5.5-04", "B", []ruleCase{{
			name: "ten in order", input: "89 01 k 30|89 01 k 31|89 01 k 32|89 01 k 33|89 01 k 34|89 01 k 35",
			want: []string{ping("0"), ping("1"), ping("2"), ping("3"), ping("4"), ping("5")},
		}}},
		{"bytes of RX-5.5-05", "B", []ruleCase{{
			name: "unsolicited pong", input: "8a 00 k|8a 01 k 78|81 01 k 61", want: []string{pong(""), pong("x"), text("a")},
		}}},
		{"RX-5.5-10", "B", []ruleCase{
			{name: "ping", input: "c9", err: frame.ErrReservedBits, limit: deflate},
			{name: "pong", input: "ca", err: frame.ErrReservedBits, limit: deflate},
			{name: "close", input: "c8", err: frame.ErrReservedBits, limit: deflate},
		}},
		{"bytes of CL-5.5-03", "B", []ruleCase{{name: "empty", input: "88 00 k", want: []string{closing("")}}}},
		{"CL-5.5-04", "B", []ruleCase{{name: "one byte", input: "88 01 k 61", err: frame.ErrShortClose}}},
		{"CL-5.5-08", "B", []ruleCase{
			{
				name: "reason of 123", input: "88 7d k 03 e8" + strings.Repeat("61", 123),
				want: []string{closing("\x03\xe8" + strings.Repeat("a", 123))},
			},
			{name: "reason of 124", input: "88 7e", err: frame.ErrControlTooLong},
		}},
		{"bytes of CL-5.5-10", "B", []ruleCase{
			{
				name: "data, ping, close and continuation after close",
				input: "88 02 k 03 e8|81 02 k 68 69|89 00 k|88 00 k|80 01 k 61|" +
					"ff ff ff ff ff", // not a frame at all
				want: []string{closing("\x03\xe8")},
			},
			{name: "close within a message", input: "01 01 k 61|88 00 k|80 01 k 62", want: []string{closing("")}},
		}},
		{"bytes of CL-7.1-18", "B", []ruleCase{{
			name: "reason", input: "88 05 k 03 e9 62 79 65", want: []string{closing("\x03\xe9bye")},
		}}},
		{"CL-7.4-05", "B", closeCodes(frame.ErrCloseCode, 0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)},
		{"bytes of CL-7.4-25", "B", closeCodes(nil, 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)},
		{"CL-7.4-26", "B", closeCodes(nil, 1012, 1013, 1014)},
		{"CL-8.1-07", "B", []ruleCase{{
			name:  "surrogate in the reason",
			input: "88 16 k 03 e8 ce ba e1 bd b9 cf 83 ce bc ce b5 ed a0 80 65 64 69 74 65 64",
			err:   frame.ErrCloseReason,
		}}},
		{"U8-8.1-07", "B", []ruleCase{
			{name: "unfinished", input: "88 04 k 03 e8 61 ce", err: frame.ErrCloseReason},
			{name: "valid", input: "88 04 k 03 e8 ce ba", want: []string{closing("\x03\xe8κ")}},
		}},
		{"U8-8.1-09", "B", []ruleCase{{
			name: "not text", input: "89 01 k ff|8a 01 k ff", want: []string{ping("\xff"), pong("\xff")},
		}}},
	}
}

// closeCodes are Close frames with a code alone and with a reason.
func closeCodes(err *frame.Error, codes ...int) (cases []ruleCase) {
	for _, code := range codes {
		for _, reason := range []string{"", "x"} {
			c := ruleCase{
				name:  fmt.Sprintf("%d%s", code, reason),
				input: fmt.Sprintf("88 %02x k %04x %x", 2+len(reason), code, reason),
				err:   err,
			}
			if err == nil {
				c.want = []string{closing(string([]byte{byte(code >> 8), byte(code)}) + reason)}
			}
			cases = append(cases, c)
		}
	}
	return cases
}

func utf8Rules() []rule {
	return []rule{
		{"U8-8.1-01", "B", invalidTexts()},
		{"U8-8.1-02", "B", []ruleCase{
			{name: "one of two", input: "81 01 k ce", err: frame.ErrInvalidUTF8},
			{name: "three of four", input: "81 04 k 61 f0 9f 98", err: frame.ErrInvalidUTF8},
			{name: "in the last fragment", input: "01 01 k e2|80 01 k 82", err: frame.ErrInvalidUTF8},
			{name: "in an empty last fragment", input: "01 02 k 61 ce|80 00 k", err: frame.ErrInvalidUTF8},
		}},
		{"U8-8.1-03", "B", validTexts()},
		{"U8-8.1-04", "B", []ruleCase{
			{
				name:  "second of three fragments",
				input: "01 0b k ce ba e1 bd b9 cf 83 ce bc ce b5|00 04 k f4 90",
				err:   frame.ErrInvalidUTF8,
			},
			{name: "after e0", input: "01 02 k e0 9f", err: frame.ErrInvalidUTF8},
			{name: "after ed", input: "01 01 k ed|00 05 k a0", err: frame.ErrInvalidUTF8},
			{name: "after f0", input: "01 08 k 61 f0 8f", err: frame.ErrInvalidUTF8},
			{name: "a lead byte that leads nowhere", input: "81 7e 10 00 k 61 61 61 f5", err: frame.ErrInvalidUTF8},
		}},
		{"U8-8.1-05", "B", []ruleCase{{
			name:  "a frame in pieces",
			input: "81 15 k ce ba e1 bd b9 cf 83 ce bc ce b5 f4 90",
			err:   frame.ErrInvalidUTF8,
		}}},
	}
}

// invalidTexts has texts that end with the byte that makes them invalid, in a frame that announces
// more. A valid text stands before that byte.
func invalidTexts() (cases []ruleCase) {
	for _, s := range []string{
		"80", "bf", "c0", "c1", "f5", "f8", "fe", "ff", // no lead bytes
		"c2 41", "c2 c2", "df 7f", "e0 80", "e0 9f", "e1 7f", "ed a0", "ed bf", "ee c0", "f0 80", "f0 8f", "f1 c0", "f4 90",
		"e1 80 7f", "ef bf c0", "ed 9f 41", "f0 90 c0", "f0 90 80 41", "f4 8f bf c0",
	} {
		b := unhex(s)
		cases = append(cases, ruleCase{
			name:  s,
			input: fmt.Sprintf("81 40 k 61 ce ba %x", b),
			err:   frame.ErrInvalidUTF8,
		})
	}
	return cases
}

// validTexts has texts at the edges of what is allowed.
func validTexts() (cases []ruleCase) {
	for _, s := range []string{
		"\x00", "\x7f", "\u0080", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\ufdd0", "\ufffd", "\ufffe", "\uffff",
		"\U00010000", "\U0001fffe", "\U0001ffff", "\U0010ffff", "\ufeffbom", "Hello-µ@ßöäüàá-UTF-8!!",
		strings.Repeat("a", 70) + "κόσμε" + strings.Repeat("b", 9), strings.Repeat("日本", 20),
	} {
		cases = append(cases, ruleCase{
			name:  fmt.Sprintf("%x", s),
			input: fmt.Sprintf("81 %02x k %x", len(s), s),
			want:  []string{text(s)},
		})
	}
	return cases
}

func limitRules() []rule {
	kilo := frame.Decoder{MaxMessage: 1024}
	three := frame.Decoder{MaxFragments: 3}
	p600, p1024 := strings.Repeat("61", 600), strings.Repeat("61", 1024)
	return []rule{
		{"LM-10.4-01", "B", []ruleCase{
			{name: "exactly", input: "82 7e 04 00 k" + p1024, want: []string{binary(string(unhex(p1024)))}, limit: kilo},
			{name: "one more", input: "82 7e 04 01 k", err: frame.ErrMessageTooBig, limit: kilo},
			{name: "600 and 600", input: "02 7e 02 58 k" + p600 + "|80 7e 02 58 k", err: frame.ErrMessageTooBig, limit: kilo},
			{
				name: "each message for itself", limit: kilo,
				input: "82 7e 02 58 k" + p600 + "|82 7e 02 58 k" + p600,
				want:  []string{binary(string(unhex(p600))), binary(string(unhex(p600)))},
			},
			{
				name: "control frames do not count", limit: frame.Decoder{MaxMessage: 2, MaxFragments: 2},
				input: "02 01 k 61|89 03 k 61 62 63|89 00 k|80 01 k 62", want: []string{ping("abc"), ping(""), binary("ab")},
			},
			{name: "three fragments", input: "01 00 k|00 00 k|80 00 k", want: []string{text("")}, limit: three},
			{
				name: "each message for itself, fragments", input: "01 00 k|80 00 k|01 00 k|00 00 k|80 00 k",
				want: []string{text(""), text("")}, limit: three,
			},
			{name: "four fragments", input: "01 00 k|00 00 k|00 00 k|80 00 k", err: frame.ErrTooManyFragments, limit: three},
		}},
		{"LM-10.4-02", "B", []ruleCase{
			{name: "2^60", input: "82 7f 10 00 00 00 00 00 00 00 k", err: frame.ErrMessageTooBig, limit: kilo},
			{name: "2^63-1", input: "82 7f 7f ff ff ff ff ff ff ff k", err: frame.ErrMessageTooBig, limit: kilo},
			{
				name: "a sum beyond 2^63", input: "02 02 k 61 61|80 7f 7f ff ff ff ff ff ff ff k",
				err: frame.ErrMessageTooBig,
			},
			{
				name: "the same with the greatest limit", input: "02 02 k 61 61|80 7f 7f ff ff ff ff ff ff ff k",
				err: frame.ErrMessageTooBig, limit: frame.Decoder{MaxMessage: 1<<63 - 1},
			},
		}},
	}
}
