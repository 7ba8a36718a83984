package opening

import (
	"crypto/tls"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/rfc6455/ws/handshake"
)

// maxRetryAfter bounds how long a server can keep a client away.
const maxRetryAfter = time.Hour

// RetryAfter returns how long resp asks the client to wait, by its Retry-After header (RFC 9110
// section 10.2.3). It is 0 if resp is nil, or if it does not ask, and an hour at most.
func RetryAfter(resp *http.Response, now time.Time) time.Duration {
	if resp == nil {
		return 0
	}
	text := strings.TrimSpace(resp.Header.Get("Retry-After"))
	if date, err := http.ParseTime(text); err == nil {
		return min(max(date.Sub(now), 0), maxRetryAfter)
	}
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return 0
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds > int64(maxRetryAfter/time.Second) { // a number that is too large is an error
		return maxRetryAfter
	}
	return time.Duration(seconds) * time.Second
}

// Permanent reports whether dialing again would fail with err again: a certificate that is not
// right, a status of 4xx, 501 or 505, or what this machine can't do. 408, 425 and 429 ask to try
// again.
func Permanent(err error) bool {
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) || errors.Is(err, errors.ErrUnsupported) {
		return true
	}
	var refused *handshake.Error
	return errors.As(err, &refused) && permanentStatus(refused.Status)
}

func permanentStatus(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return true
	}
	return status/100 == 4
}
