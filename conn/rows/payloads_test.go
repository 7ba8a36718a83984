package rows

import (
	"fmt"
	"strings"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
)

// closing is the exchange of a peer that closes with this code, which comes
// back to it.
func closing(code int, reason string) exchange {
	c := frame.CloseCode(code)
	return exchange{
		name: fmt.Sprintf("%d %.9s", code, reason), in: closeFrame(code, reason),
		back: []string{closeOf(c)}, end: remote(c, reason),
	}
}

func closeFrameRows(q *requirements) {
	q.table("CL-5.5-01", closing(1000, ""), exchange{
		name: "after a message", in: "81 01 k 61|" + closeFrame(1001, ""),
		got: []string{text("a")}, back: []string{closeOf(1001)}, end: remote(1001, ""),
	})
	for _, code := range []int{1000, 1001, 1011, 3000, 3999, 4000, 4999} {
		q.table("CL-5.5-02", closing(code, ""))
	}
	q.table("CL-5.5-03", exchange{in: "88 00 k", back: []string{describe(frame.Close, "")}, end: remote(ws.CloseNoStatus, "")})
	q.table("CL-5.5-04", exchange{in: "88 01 k 61", rule: frame.ErrShortClose})
	for _, code := range []int{0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		for _, reason := range []string{"", "x"} {
			q.table("CL-7.4-05", exchange{name: fmt.Sprint(code, reason), in: closeFrame(code, reason), rule: frame.ErrCloseCode})
		}
	}
	q.table("CL-8.1-07", exchange{
		in:   closeFrame(1000, string(wstest.Hex("cebae1bdb9cf83cebcceb5eda080656469746564"))),
		rule: frame.ErrCloseReason,
	})
	q.table("U8-8.1-07",
		exchange{name: "unfinished", in: closeFrame(1000, "a\xce"), rule: frame.ErrCloseReason},
		closing(1000, "κ"))
	q.table("CL-5.5-08", closing(1000, bulk(123)), exchange{name: "124", in: "88 7e", rule: frame.ErrControlTooLong})
	for name, later := range map[string]string{
		"text": "81 02 k 6869", "ping": "89 00 k", "close": closeFrame(1001, ""), "continuation": "80 01 k 61", "no frame": "ff",
	} {
		x := closing(1000, "")
		x.name, x.in = name, x.in+"|"+later
		q.table("CL-5.5-10", x)
	}
	q.table("CL-5.5-10", exchange{
		name: "a message is open", in: "01 01 k 61|" + closeFrame(1000, "") + "|80 01 k 62",
		back: []string{closeOf(1000)}, end: remote(1000, ""),
	})
	for _, reason := range []string{"", "bye", "κόσμε"} {
		q.table("CL-7.1-18", closing(1001, reason))
	}
	for _, code := range []int{1012, 1013, 1014} {
		q.table("CL-7.4-26", closing(code, "x"))
	}
	q.table("CL-7.1-20",
		exchange{name: "a rule of frames", in: "81 01 k 61|83", got: []string{text("a")}, rule: frame.ErrReservedOpcode},
		exchange{name: "a rule of text", in: "81 04 k 61ff", rule: frame.ErrInvalidUTF8})
	q.table("SE-10.7-07", exchange{name: "a frame", in: "83", rule: frame.ErrReservedOpcode})
}

func textRows(q *requirements) {
	// Each ends with the byte that makes it invalid, in a frame of which more
	// is to come.
	for _, s := range []string{
		"80", "bf", "c0", "c1", "f5", "fe", "ff", "c241", "dfc2", "e080", "e09f", "e17f", "eda0", "edbf", "eec0",
		"f080", "f08f", "f1c0", "f490", "e1807f", "efbfc0", "f09080c0", "f48fbf41",
	} {
		q.table("U8-8.1-01", exchange{name: s, in: "81 40 k 61ceba" + s, rule: frame.ErrInvalidUTF8})
	}
	q.table("U8-8.1-02",
		exchange{name: "one of two", in: "81 01 k ce", rule: frame.ErrInvalidUTF8},
		exchange{name: "three of four", in: "81 04 k 61f09f98", rule: frame.ErrInvalidUTF8},
		exchange{name: "in an empty last fragment", in: "01 02 k 61ce|80 00 k", rule: frame.ErrInvalidUTF8},
		exchange{name: "in a large frame", in: "81 7e 2000 k" + strings.Repeat("61", 8191) + "e2", rule: frame.ErrInvalidUTF8})
	for _, s := range []string{
		"\x00", "\x7f", "\u0080", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\ufdd0", "\ufffd", "\ufffe", "\uffff",
		"\U00010000", "\U0001ffff", "\U0010ffff", "\ufeffbom", "Hello-µ@ßöäüàá-UTF-8!!", strings.Repeat("日本", 20),
	} {
		q.table("U8-8.1-03", exchange{name: fmt.Sprintf("%.9x", s), in: fmt.Sprintf("81 %02x k %x", len(s), s), got: []string{text(s)}})
	}
	q.table("U8-8.1-04",
		exchange{name: "the second of three fragments", in: "01 0b k cebae1bdb9cf83cebcceb5|00 04 k f490", rule: frame.ErrInvalidUTF8},
		exchange{name: "after a lead byte", in: "01 01 k f4|00 7f 0000000000010000 k 90", rule: frame.ErrInvalidUTF8},
		exchange{name: "in a large frame", in: "81 7f 0000000000100000 k" + strings.Repeat("61", 9000) + "ff", rule: frame.ErrInvalidUTF8})
	q.table("U8-8.1-06",
		exchange{name: "one frame", in: "c1 09 k 000300fcff eda0", rule: frame.ErrInvalidUTF8, zip: true},
		exchange{name: "over fragments", in: "41 06 k 000300fcffed|80 03 k a0", rule: frame.ErrInvalidUTF8, zip: true},
		exchange{name: "unfinished", in: "c1 07 k 000100feffce00", rule: frame.ErrInvalidUTF8, zip: true},
		exchange{name: "valid, over fragments", in: "41 06 k 000300fcffe2|80 03 k 828200", got: []string{text("\u2082")}, zip: true})
	q.table("U8-8.1-05", exchange{in: "81 15 k cebae1bdb9cf83cebcceb5f490", rule: frame.ErrInvalidUTF8})
}

func limitRows(q *requirements) {
	kilo := ws.Config{MaxMessageSize: 1024}
	most, none := ws.Config{MaxMessageSize: 1<<63 - 1}, ws.Config{MaxMessageSize: -1}
	big, sum := frame.ErrMessageTooBig, "02 02 k 6161|80 7f 7fffffffffffffff k"
	q.table("LM-10.4-01",
		exchange{name: "exactly", in: long(0x82, 1024), got: []string{binary(bulk(1024))}, cfg: kilo},
		exchange{name: "one more", in: "82 7e 0401 k", rule: big, cfg: kilo},
		exchange{name: "600 and 600", in: long(0x02, 600) + "|80 7e 0258 k", rule: big, cfg: kilo},
		exchange{
			name: "each for itself", in: long(0x82, 600) + "|" + long(0x82, 600),
			got: []string{binary(bulk(600)), binary(bulk(600))}, cfg: kilo,
		},
		exchange{name: "the default", in: "82 7f 0000000000100001 k", rule: big},
		exchange{
			name: "control frames do not count", in: "01 01 k 61|89 03 k 616263|80 01 k 62",
			got: []string{text("ab")}, back: []string{pong("abc")}, cfg: ws.Config{MaxMessageSize: 2, MaxFragments: 2},
		})
	q.table("LM-10.4-02",
		exchange{name: "2^60", in: "82 7f 1000000000000000 k", rule: big, cfg: kilo},
		exchange{name: "2^63-1", in: "82 7f 7fffffffffffffff k", rule: big, cfg: kilo},
		exchange{name: "a sum beyond 2^63", in: sum, rule: big, cfg: most},
		exchange{name: "a sum beyond 2^63, no limit", in: sum, rule: big, cfg: none})
}
