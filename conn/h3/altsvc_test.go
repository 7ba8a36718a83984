package h3

import (
	"net"
	"net/url"
	"testing"
	"time"
)

func TestParseAltSvc(t *testing.T) {
	for _, test := range []struct {
		value, at string
		age       time.Duration
	}{
		{`h3=":443"`, "host:443", 24 * time.Hour},
		{`h3=":443"; ma=60`, "host:443", time.Minute},
		{`h3=":443"; persist=1; ma="60"`, "host:443", time.Minute},
		{`h3=":443";ma=99999999`, "host:443", longestMaxAge},
		{`h3="alt.example:8443"; ma=60, h3=":443"`, "alt.example:8443", time.Minute},
		{`h3-29=":443", h2="alt:443", h3=":444"; ma=1`, "host:444", time.Second},
		{`w="a,h3=b;", h3="[::1]:443"; ma=1`, "[::1]:443", time.Second},
		{`h2=":443"; x="\", h3=\":1\""`, "", 0},
		{`clear`, "", 0},
		{`h3=":0"`, "", 0},
		{`h3=":65536"`, "", 0},
		{`h3="nonsense"`, "", 0},
		{`h3`, "", 0},
		{``, "", 0},
	} {
		if at, age := parseAltSvc(test.value, "host"); at != test.at || age != test.age {
			t.Errorf("%s: %q, %v, want %q, %v", test.value, at, age, test.at, test.age)
		}
	}
}

func FuzzAltSvc(f *testing.F) {
	f.Add(`h3="alt.example:8443"; ma=60, h3=":443"`)
	f.Add(`"\`)
	f.Fuzz(func(t *testing.T, value string) {
		at, age := parseAltSvc(value, "host")
		if at == "" {
			return
		}
		if _, port, err := net.SplitHostPort(at); err != nil || port == "" || age < 0 || age > longestMaxAge {
			t.Errorf("%q, %v, want a host and a port, and an age within the bound", at, age)
		}
	})
}

// TestServicesBound: what servers announce, and where QUIC fails, is remembered within bounds.
func TestServicesBound(t *testing.T) {
	var s services
	for i := range 2 * maxServices {
		s.fails(&url.URL{Scheme: "https", Host: net.JoinHostPort("server.example", time.Duration(i).String())})
	}
	if n := len(s.servers); n != maxServices {
		t.Errorf("%d servers are remembered, want %d", n, maxServices)
	}
	u := &url.URL{Scheme: "https", Host: "server.example:0s"}
	for range 100 {
		s.fails(u)
	}
	if !s.failed(u) || time.Until(s.find(u).broken) > brokenTime<<maxDoublings {
		t.Errorf("not tried until %v, want within %v", s.find(u).broken, brokenTime<<maxDoublings)
	}
	s.works(u)
	if s.failed(u) {
		t.Error("failed = true after it has worked, want false")
	}
}
