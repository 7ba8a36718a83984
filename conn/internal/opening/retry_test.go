package opening

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/rfc6455/ws/handshake"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "17": 17 * time.Second, " 17 ": 17 * time.Second, "-1": 0, "1.5": 0, "soon": 0,
		"3600": time.Hour, "3601": time.Hour, "99999999999999999999": time.Hour,
		now.Add(time.Minute).Format(http.TimeFormat):      time.Minute,
		now.Add(-time.Minute).Format(http.TimeFormat):     0,
		now.Add(24 * time.Hour).Format(http.TimeFormat):   time.Hour,
		"Fri, 31 Dec 1999 23:59:59 GMT, Fri, 31 Dec 1999": 0,
	} {
		resp := &http.Response{Header: http.Header{"Retry-After": {text}}}
		if got := RetryAfter(resp, now); got != want {
			t.Errorf("Retry-After %q asks for %v, want %v", text, got, want)
		}
	}
	if got := RetryAfter(nil, now); got != 0 {
		t.Errorf("no response asks for %v", got)
	}
}

func TestPermanent(t *testing.T) {
	status := func(n int) error { return fmt.Errorf("dial: %w", &handshake.Error{Status: n}) }
	for _, test := range []struct {
		err  error
		want bool
	}{
		{status(400), true},
		{status(401), true},
		{status(403), true},
		{status(404), true},
		{status(426), true},
		{status(408), false},
		{status(425), false},
		{status(429), false},
		{status(200), false},
		{status(302), false},
		{status(500), false},
		{status(501), true},
		{status(502), false},
		{status(503), false},
		{status(504), false},
		{status(505), true},
		{fmt.Errorf("dial: %w", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}), true},
		{errors.ErrUnsupported, true},
		{io.ErrUnexpectedEOF, false},
	} {
		if got := Permanent(test.err); got != test.want {
			t.Errorf("Permanent(%v) = %t, want %t", test.err, got, test.want)
		}
	}
}
