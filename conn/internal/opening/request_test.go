package opening

import (
	"net"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestAddressText: the address of a raw connection reads as package net writes it.
func TestAddressText(t *testing.T) {
	for _, a := range []net.Addr{
		&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 80},  // 16 bytes
		&net.TCPAddr{IP: net.IP{192, 0, 2, 1}, Port: 65535}, // 4
		&net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 443},
		&net.TCPAddr{IP: net.ParseIP("fe80::1"), Port: 1, Zone: "eth0"},
		&net.TCPAddr{Port: 8080},
		&net.UnixAddr{Name: "/tmp/ws", Net: "unix"},
	} {
		if got := AddressText(a); got != a.String() {
			t.Errorf("%q, want %q", got, a)
		}
	}
	if got := AddressText(nil); got != "" {
		t.Errorf("%q for no address", got)
	}
}

// TestResponseHeader: the headers set for one response replace those for all, except the
// handshake's own.
func TestResponseHeader(t *testing.T) {
	always := http.Header{"A": {"1"}, "B": {"1"}}
	set := http.Header{"B": {"2"}, "C": {"2"}, "Upgrade": {"h2c"}, "Sec-Websocket-Accept": {"x"}}
	want := http.Header{"A": {"1"}, "B": {"2"}, "C": {"2"}}
	if got := ResponseHeader(always, set); !cmp.Equal(got, want) {
		t.Errorf("ResponseHeader(always, set) = %v, want %v", got, want)
	}
	if len(always) != 2 || always.Get("B") != "1" {
		t.Errorf("always was changed to %v", always)
	}
	if got := ResponseHeader(nil, set); !cmp.Equal(got, http.Header{"B": {"2"}, "C": {"2"}}) {
		t.Errorf("ResponseHeader(nil, set) = %v", got)
	}
}

// TestAsRefusal: an error is a reply only if its status refuses.
func TestAsRefusal(t *testing.T) {
	for status, refuses := range map[int]bool{0: false, 101: false, 200: false, 299: false, 300: true, 403: true, 599: true, 600: false} {
		err := refusedTunnel(&http.Response{Status: "000", StatusCode: status})
		if got := AsRefusal(err) != nil; got != refuses {
			t.Errorf("AsRefusal with status %d: %t, want %t", status, got, refuses)
		}
		if want := map[bool]int{true: status, false: 500}[refuses]; refusal(err).Status != want {
			t.Errorf("an error with status %d is answered with %d, want %d", status, refusal(err).Status, want)
		}
	}
}
