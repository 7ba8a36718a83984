package rows

import (
	"fmt"
	"strings"
	"testing"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/frame"
)

// frameRows are the rows whose whole behaviour is in what a peer sends, what
// the program gets of it and what goes back: sections 7 to 11 of the list. An
// input that breaks a rule ends with the byte at which it is broken.
func frameRows(q *requirements) {
	headerRows(q)
	messageRows(q)
	controlRows(q)
	closeFrameRows(q)
	textRows(q)
	limitRows(q)
}

func headerRows(q *requirements) {
	for _, in := range []string{"81 02", "81 00", "89 00", "88 02", "01 81 00000000 61 80 01"} {
		x := exchange{name: in, in: in, raw: true, rule: frame.ErrMaskRequired}
		q.add("RX-5.1-01", "server", x.showing(frame.Server))
	}
	for _, in := range []string{"81 82", "81 80", "89 80", "88 82", "01 01 61 80 81"} {
		x := exchange{name: in, in: in, raw: true, rule: frame.ErrMaskForbidden}
		q.add("RX-5.1-02", "client", x.showing(frame.Client))
	}
	for rsv := 1; rsv <= 7; rsv++ {
		for _, op := range []int{0, 1, 2, 8, 9, 10} {
			in := fmt.Sprintf("%02x", 0x80|rsv<<4|op)
			q.table("RX-5.2-03", exchange{name: in, in: in, rule: frame.ErrReservedBits})
		}
	}
	for _, op := range []int{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		q.table("RX-5.2-04",
			exchange{name: fmt.Sprint(op), in: fmt.Sprintf("%02x", 0x80|op), rule: frame.ErrReservedOpcode},
			exchange{name: fmt.Sprint(op, " within"), in: fmt.Sprintf("01 01 k 61|%02x", op), rule: frame.ErrReservedOpcode})
	}
	for _, n := range []int{0, 1, 125, 126, 127, 128, 65535, 65536} {
		q.table("RX-5.2-05", exchange{name: fmt.Sprint(n), in: long(0x82, n), got: []string{binary(bulk(n))}})
	}
	q.table("RX-5.2-06",
		exchange{name: "2^63", in: "82 7f 8000000000000000", rule: frame.ErrLengthOverflow},
		exchange{name: "2^64-1", in: "82 7f ffffffffffffffff", rule: frame.ErrLengthOverflow},
		exchange{name: "continuation", in: "01 00 k|80 7f 8000000000000005", rule: frame.ErrLengthOverflow},
		exchange{
			name: "ahead of the limit", in: "82 7f 8000000000000000", rule: frame.ErrLengthOverflow,
			cfg: ws.Config{MaxMessageSize: 10},
		})
	for _, in := range []string{
		"82 7e 0000", "81 7e 0005", "81 7e 007d", "81 7f 0000000000000005", "82 7f 000000000000007e", "82 7f 000000000000ffff",
	} {
		q.table("RX-5.2-07", exchange{name: in, in: in, rule: frame.ErrLengthNotMinimal})
	}
	q.table("RX-5.2-08", exchange{
		in:  "01 01 k 61|00 02 k 6263|00 03 k 646566|80 05 k 6768696a6b",
		got: []string{text("abcdefghijk")},
	})
	q.table("RX-5.2-09", exchange{
		in:   "82 02 k 0102|" + long(0x82, 126) + "|89 01 k 08|" + long(0x82, 65536),
		got:  []string{binary("\x01\x02"), binary(bulk(126)), binary(bulk(65536))},
		back: []string{pong("\x08")},
	})
	// There is no extension data: a payload is application data and nothing
	// else, as it is or compressed.
	q.table("RX-5.2-11",
		exchange{name: "plain", in: "82 03 k 000102", got: []string{binary("\x00\x01\x02")}},
		exchange{name: "compressed", in: "c1 07 k f248cdc9c90700", got: []string{text("Hello")}, zip: true})
	goldenRows(q)
}

// showing is the exchange as a test in one role.
func (x exchange) showing(role frame.Role) showing {
	return showing{x.name, func(t *testing.T) { x.run(t, role) }}
}

// goldenRows are the examples of RFC 6455 section 5.7.
func goldenRows(q *requirements) {
	q.table("RX-5.7-12",
		exchange{name: "text", in: "81 05 k 48656c6c6f", got: []string{text("Hello")}},
		exchange{name: "fragments", in: "01 03 k 48656c|80 02 k 6c6f", got: []string{text("Hello")}},
		exchange{name: "ping and pong", in: "89 05 k 48656c6c6f|8a 05 k 48656c6c6f", back: []string{pong("Hello")}},
		exchange{name: "256 bytes", in: "82 7e 0100 k" + strings.Repeat("5a", 256), got: []string{binary(bulk(256))}},
		exchange{name: "64 KiB", in: "82 7f 0000000000010000 k" + strings.Repeat("5a", 65536), got: []string{binary(bulk(65536))}})
	masked := exchange{name: "masked", in: "81 85 37fa213d 7f9f4d5158", raw: true, got: []string{text("Hello")}}
	q.add("RX-5.7-12", "server", masked.showing(frame.Server))
}

func messageRows(q *requirements) {
	q.table("RX-5.4-01",
		exchange{
			name: "two", in: "01 09 k" + hexOf("fragment1") + "|80 09 k" + hexOf("fragment2"),
			got: []string{text("fragment1fragment2")},
		},
		exchange{name: "four", in: "02 01 k 01|00 01 k 02|00 01 k 03|80 01 k 04", got: []string{binary("\x01\x02\x03\x04")}},
		exchange{
			name: "large", in: long(0x02, 40000) + "|" + long(0x00, 5000) + "|" + long(0x80, 20000) + "|81 01 k 61",
			got: []string{binary(bulk(65000)), text("a")},
		})
	q.table("RX-5.4-02",
		exchange{name: "first", in: "80", rule: frame.ErrUnexpectedContinuation},
		exchange{name: "first, without FIN", in: "00", rule: frame.ErrUnexpectedContinuation},
		exchange{name: "after a message", in: "81 01 k 61|80", got: []string{text("a")}, rule: frame.ErrUnexpectedContinuation},
		exchange{
			name: "after a fragmented message", in: "01 01 k 61|80 01 k 62|00",
			got: []string{text("ab")}, rule: frame.ErrUnexpectedContinuation,
		})
	q.table("RX-5.4-03",
		exchange{name: "text in text", in: "01 01 k 61|81", rule: frame.ErrExpectedContinuation},
		exchange{name: "binary in text", in: "01 01 k 61|02", rule: frame.ErrExpectedContinuation},
		exchange{name: "after two fragments", in: "02 01 k 61|00 01 k 62|82", rule: frame.ErrExpectedContinuation})
	q.table("RX-5.4-04",
		exchange{name: "ping", in: "01 01 k 61|89 01 k 78|80 01 k 62", got: []string{text("ab")}, back: []string{pong("x")}},
		exchange{name: "pong inside a code point", in: "01 01 k ce|8a 02 k fffe|80 01 k ba", got: []string{text("κ")}},
		exchange{
			name: "in a large message", in: long(0x02, 9000) + "|89 01 k 78|" + long(0x80, 9000),
			got: []string{binary(bulk(18000))}, back: []string{pong("x")},
		})
	q.table("RX-5.4-05",
		exchange{name: "all", in: "01 00 k|00 00 k|80 00 k", got: []string{text("")}},
		exchange{name: "first", in: "02 00 k|80 01 k 61", got: []string{binary("a")}},
		exchange{name: "middle", in: "01 01 k 61|00 00 k|80 01 k 62", got: []string{text("ab")}},
		exchange{name: "last", in: "01 01 k 61|80 00 k", got: []string{text("a")}},
		exchange{name: "too many", in: "01 00 k|00 00 k|00 00 k|80 00 k", rule: frame.ErrTooManyFragments, cfg: ws.Config{MaxFragments: 3}})
	q.table("RX-5.4-07",
		exchange{name: "two bytes", in: "01 01 k ce|80 01 k ba", got: []string{text("κ")}},
		exchange{name: "four bytes", in: "01 01 k f0|00 01 k 9f|00 00 k|00 01 k 98|80 01 k 80", got: []string{text("😀")}},
		exchange{name: "the type is the first frame's", in: "02 01 k ff|80 01 k fe", got: []string{binary("\xff\xfe")}})
	q.table("RX-5.4-08", exchange{in: "01 01 k 61|89 00 k|82", back: []string{pong("")}, rule: frame.ErrExpectedContinuation})
	q.table("RX-6.2-12",
		exchange{name: "text", in: "81 00 k", got: []string{text("")}},
		exchange{name: "binary", in: "82 00 k|81 01 k 61|82 00 k", got: []string{binary(""), text("a"), binary("")}})
	q.table("RX-6.2-13", exchange{in: "82 02 k fffe|82 01 k f4|81 01 k 61", got: []string{binary("\xff\xfe"), binary("\xf4"), text("a")}})
}

func controlRows(q *requirements) {
	for _, in := range []string{"89 7e", "8a 7e", "88 7e", "89 7f", "8a 7f", "88 7f"} {
		q.table("RX-5.5-01", exchange{name: in, in: in, rule: frame.ErrControlTooLong})
	}
	for _, in := range []string{"08", "09", "0a", "01 00 k|09"} {
		q.table("RX-5.5-02", exchange{name: in, in: in, rule: frame.ErrControlFragmented})
	}
	for _, p := range []string{"", "Hello, world!", "\x00\xff\xfe\xfd\xfc\xfb\x00\xff", bulk(125)} {
		q.table("RX-5.5-03", exchange{name: fmt.Sprint(len(p)), in: fmt.Sprintf("89 %02x k %x", len(p), p), back: []string{pong(p)}})
	}
	var pings, pongs []string
	for i := range 10 {
		pings = append(pings, fmt.Sprintf("89 01 k %02x", i))
		pongs = append(pongs, pong(string(rune(i))))
	}
	q.table("RX-5.5-04", exchange{in: strings.Join(pings, "|"), back: pongs})
	q.table("RX-5.5-05", exchange{in: "8a 00 k|8a 01 k 78|81 01 k 61", got: []string{text("a")}})
	for _, in := range []string{"c9", "ca", "c8", "01 01 k 61|c9"} {
		x := exchange{name: in, in: in, rule: frame.ErrReservedBits}
		z := exchange{name: in + " with compression", in: in, rule: frame.ErrReservedBits, zip: true}
		q.table("RX-5.5-10", x, z)
	}
	q.table("U8-8.1-09", exchange{in: "89 01 k ff|8a 02 k c080", back: []string{pong("\xff")}})
}
