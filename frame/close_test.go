package frame_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rfc6455/ws/frame"
)

// valid reports whether a code may stand in a frame. The list is independent of the package's own.
func valid(code int) bool {
	switch code {
	case 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014:
		return true
	}
	return code >= 3000 && code <= 4999
}

// every runs f for both roles under a requirement's name.
func every(t *testing.T, id string, f func(t *testing.T)) {
	t.Run(id, func(t *testing.T) {
		for _, role := range bothRoles {
			t.Run(role.String(), f)
		}
	})
}

func TestCloseCode(t *testing.T) {
	every(t, "CL-7.4-05", func(t *testing.T) {
		for code := range 1 << 16 {
			c := frame.CloseCode(code)
			if c.Valid() != valid(code) {
				t.Errorf("CloseCode(%d).Valid() = %t, want %t", code, c.Valid(), valid(code))
			}
			_, _, err := frame.ParseClose([]byte{byte(code >> 8), byte(code)})
			if want := frame.ErrCloseCode; valid(code) && err != nil || !valid(code) && err != want {
				t.Errorf("ParseClose of code %d: %v, want an error: %t", code, err, !valid(code))
			}
		}
	})
	every(t, "CL-7.4-06", func(t *testing.T) {
		for code := range 1 << 16 {
			got, err := frame.AppendClose(nil, frame.CloseCode(code), "")
			switch {
			case code == 0 || code == 1005: // no code: an empty payload
				if got != nil || err != nil {
					t.Errorf("AppendClose(%d) = % x, %v, want nothing and no error", code, got, err)
				}
			case valid(code) && (err != nil || !bytes.Equal(got, []byte{byte(code >> 8), byte(code)})):
				t.Errorf("AppendClose(%d) = % x, %v, want the code and no error", code, got, err)
			case !valid(code) && err != frame.ErrCloseCode:
				t.Errorf("AppendClose(%d) = % x, %v, want %v", code, got, err, frame.ErrCloseCode)
			}
		}
	})
}

func TestCloseCodeString(t *testing.T) {
	for code, want := range map[frame.CloseCode]string{
		frame.NormalClosure: "1000 normal closure", frame.ProtocolError: "1002 protocol error", 1004: "1004",
		frame.Abnormal: "1006 abnormal closure", frame.TLSHandshake: "1015 TLS handshake", 0: "0", 999: "999", 1016: "1016",
		4000: "4000",
	} {
		if got := code.String(); got != want {
			t.Errorf("%d is %q, want %q", uint16(code), got, want)
		}
	}
}

func TestAppendClose(t *testing.T) {
	every(t, "CL-5.5-08", func(t *testing.T) {
		for _, c := range []struct {
			code   frame.CloseCode
			reason string
			want   string
			err    error
		}{
			{1000, "bye", "03 e8 62 79 65", nil},
			{0, "", "", nil},
			{frame.NoStatus, "", "", nil},
			{0, "bye", "", frame.ErrCloseCode},
			{frame.NoStatus, "bye", "", frame.ErrCloseCode},
			{frame.Abnormal, "", "", frame.ErrCloseCode},
			{1000, strings.Repeat("a", 123), "03 e8" + strings.Repeat("61", 123), nil},
			{1000, strings.Repeat("a", 124), "", frame.ErrReasonTooLong},
			{1000, "a\xff", "", frame.ErrCloseReason},
			{1000, "a\xce", "", frame.ErrCloseReason},
		} {
			got, err := frame.AppendClose([]byte{7}, c.code, c.reason)
			if err != c.err || !bytes.Equal(got, append([]byte{7}, unhex(c.want)...)) {
				t.Errorf("AppendClose(%d, %q) = % x, %v, want %s, %v", c.code, c.reason, got, err, c.want, c.err)
			}
		}
	})
}

func TestParseClose(t *testing.T) {
	for _, c := range []struct {
		payload string
		code    frame.CloseCode
		reason  string
		err     error
	}{
		{"", frame.NoStatus, "", nil},
		{"03", 0, "", frame.ErrShortClose},
		{"03 e8", 1000, "", nil},
		{"0f a0 ce ba", 4000, "κ", nil},
		{"03 ed 61", 0, "", frame.ErrCloseCode},
		{"03 e8 ed a0 80", 0, "", frame.ErrCloseReason},
	} {
		code, reason, err := frame.ParseClose(unhex(c.payload))
		if code != c.code || string(reason) != c.reason || err != c.err {
			t.Errorf("ParseClose(%s) = %v, %q, %v, want %v, %q, %v", c.payload, code, reason, err, c.code, c.reason, c.err)
		}
	}
}

func TestTruncateReason(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"shutting down", "shutting down"},
		{strings.Repeat("a", 123), strings.Repeat("a", 123)},
		{strings.Repeat("a", 200), strings.Repeat("a", 123)},
		{strings.Repeat("a", 122) + "é", strings.Repeat("a", 122)},
		{strings.Repeat("😀", 40), strings.Repeat("😀", 30)},
		{"a\xffb", "a\uFFFDb"},
		{strings.Repeat("\xff", 200), strings.Repeat("\uFFFD", 41)},
	} {
		got := frame.TruncateReason(c.in)
		if got != c.want || len(got) > frame.MaxReason || !utf8.ValidString(got) {
			t.Errorf("TruncateReason(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}
