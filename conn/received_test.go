package conn

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/rfc6455/ws/frame"
)

// TestToldAsReceiver: who receives what is too big, or no text, is told which
// limit that was and the sizes, in words that are for it; the peer is told the
// rule.
func TestToldAsReceiver(t *testing.T) {
	cfg := takeover
	cfg.MaxMessageSize, cfg.MaxFragments = 1000, 3
	big := func(n int) string { return hex.EncodeToString(newDeflater().message(make([]byte, n))) }
	zipped := func(n int) string { return fmt.Sprintf("c2 %02x 00000000 %s", 0x80+len(big(n))/2, big(n)) }
	for _, tt := range []struct {
		name, wire string
		rule       *frame.Error
		says       []string
	}{
		{"a frame", "82 fe 03e9 00000000", frame.ErrMessageTooBig, []string{"at least 1001 bytes", "limit is 1000", "Config.MaxMessageSize"}},
		{"a fragment", "02 81 00000000 61 80 ff 7ffffffffffffffe 00000000", frame.ErrMessageTooBig, []string{"at least 9223372036854775807 bytes", "limit is 1000"}},
		{"inflated", zipped(1001), frame.ErrMessageTooBig, []string{"inflates to more than 1000 bytes", "Config.MaxMessageSize"}},
		{"fragments", "01 80 00000000 00 80 00000000 00 80 00000000 00 80 00000000", frame.ErrTooManyFragments, []string{"more than 3 frames", "Config.MaxFragments"}},
		{"text", "81 81 00000000 ff", frame.ErrInvalidUTF8, []string{"the peer sent", "not valid UTF-8"}},
	} {
		for _, compressed := range []bool{true, false} {
			for _, way := range []string{"Read", "NextReader"} {
				if tt.name == "inflated" && !compressed {
					continue
				}
				t.Run(fmt.Sprint(tt.name, "/", compressed, "/", way), func(t *testing.T) {
					c, peer := pipePeer(t, frame.Server, 1000, cfg)
					if compressed {
						c, peer = zipPeer(t, frame.Server, 15, cfg)
					}
					peer.SendHex(tt.wire)
					err := readOne(c, way)
					wantEnd(t, err, CloseError{Code: CloseAbnormal, Err: tt.rule})
					var rule *frame.Error
					if !errors.As(err, &rule) || rule != tt.rule {
						t.Errorf("%v is not %v", err, tt.rule)
					}
					for _, s := range tt.says {
						if !strings.Contains(err.Error(), s) {
							t.Errorf("%q does not say %q", err, s)
						}
					}
					if reason := peer.WantClose(tt.rule.Code()); "websocket: "+reason != tt.rule.Error() {
						t.Errorf("the peer is told %q", reason)
					}
				})
			}
		}
	}
}

// readOne reads a message in one of two ways.
func readOne(c *Conn, way string) error {
	if way == "Read" {
		_, _, err := c.Read(bg)
		return err
	}
	_, m, err := c.NextReader(bg)
	if err == nil {
		_, err = io.ReadAll(m)
	}
	return err
}
