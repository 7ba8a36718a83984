package frame_test

import (
	"strings"
	"testing"

	"github.com/rfc6455/ws/frame"
)

var allErrors = []struct {
	err  *frame.Error
	code frame.CloseCode
}{
	{frame.ErrMaskRequired, 1002},
	{frame.ErrMaskForbidden, 1002},
	{frame.ErrReservedBits, 1002},
	{frame.ErrReservedOpcode, 1002},
	{frame.ErrLengthNotMinimal, 1002},
	{frame.ErrLengthOverflow, 1002},
	{frame.ErrControlTooLong, 1002},
	{frame.ErrControlFragmented, 1002},
	{frame.ErrUnexpectedContinuation, 1002},
	{frame.ErrExpectedContinuation, 1002},
	{frame.ErrShortClose, 1002},
	{frame.ErrCloseCode, 1002},
	{frame.ErrCloseReason, 1007},
	{frame.ErrInvalidUTF8, 1007},
	{frame.ErrInvalidDeflate, 1007},
	{frame.ErrMessageTooBig, 1009},
	{frame.ErrTooManyFragments, 1008},
	{frame.ErrReasonTooLong, 0},
	{frame.ErrCloseSent, 0},
}

func TestErrors(t *testing.T) {
	names := map[string]bool{}
	for _, c := range allErrors {
		e := c.err
		if e.Code() != c.code {
			t.Errorf("%v: code %v, want %v", e, e.Code(), c.code)
		}
		if names[e.Name()] || e.Name() != strings.ToLower(e.Name()) || strings.ContainsAny(e.Name(), " _") {
			t.Errorf("%v: name %q, want one of its own in lower case, with hyphens", e, e.Name())
		}
		names[e.Name()] = true
		if !strings.HasPrefix(e.Error(), "websocket: ") || len(e.Error()) < 40 {
			t.Errorf("text %q, want a sentence behind %q", e.Error(), "websocket: ")
		}
		if reason := strings.TrimPrefix(e.Error(), "websocket: "); len(reason) > frame.MaxReason {
			t.Errorf("reason %q has %d bytes, want at most %d", reason, len(reason), frame.MaxReason)
		}
		if s := e.Section(); s == "" || strings.Trim(s, "0123456789.") != "" {
			t.Errorf("%v: section %q, want a number", e, s)
		}
	}
}
