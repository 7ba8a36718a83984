package client

import (
	"io"

	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"
)

// Types of frames (RFC 9114 section 7.2), of unidirectional streams (section 6.2), and the settings
// that this client knows (RFC 9220 section 3).
const (
	frameHeaders    = 0x1
	frameCancelPush = 0x3
	frameSettings   = 0x4
	frameGoAway     = 0x7
	frameMaxPushID  = 0xd

	streamControl      = 0x0
	streamPush         = 0x1
	streamQPACKEncoder = 0x2
	streamQPACKDecoder = 0x3

	settingMaxFieldSection = 0x6
	settingConnect         = 0x8
)

// known reports whether a type of frame has a meaning in HTTP/3, or must not be used.
func known(kind uint64) bool {
	return kind <= 0x9 || kind == frameMaxPushID || kind == 0xf0700 || kind == 0xf0701
}

// readFrame reads the header of the next frame of a known type, and skips others (section 9).
func readFrame(r quicvarint.Reader) (kind, length uint64, err error) {
	for {
		if kind, err = quicvarint.Read(r); err != nil {
			return 0, 0, err
		}
		if length, err = quicvarint.Read(r); err != nil {
			return 0, 0, err
		}
		if known(kind) {
			return kind, length, nil
		}
		if _, err = io.CopyN(io.Discard, r, int64(length)); err != nil {
			return 0, 0, err
		}
	}
}

// readPayload reads the payload of a frame that is not longer than limit.
func readPayload(r io.Reader, length, limit uint64) ([]byte, error) {
	if length > limit {
		return nil, localError(http3.ErrCodeExcessiveLoad,
			"a frame of %d bytes, of at most %d", length, limit)
	}
	b := make([]byte, length)
	_, err := io.ReadFull(r, b)
	return b, err
}

// allowsConnect reports whether a SETTINGS frame allows extended CONNECT. "A receiver MAY treat the
// presence of duplicate setting identifiers as a connection error of type H3_SETTINGS_ERROR"
// (section 7.2.4), and must do so with those of HTTP/2.
func allowsConnect(b []byte) (bool, *http3.Error) {
	values := map[uint64]uint64{}
	for len(b) > 0 {
		id, n, err := quicvarint.Parse(b)
		if err != nil {
			return false, localError(http3.ErrCodeFrameError, "SETTINGS is cut off")
		}
		value, m, err := quicvarint.Parse(b[n:])
		if err != nil {
			return false, localError(http3.ErrCodeFrameError, "SETTINGS is cut off")
		}
		b = b[n+m:]
		_, twice := values[id]
		switch {
		case twice || id >= 0x2 && id <= 0x5:
			return false, localError(http3.ErrCodeSettingsError,
				"SETTINGS has %#x twice, or must not have it", id)
		case id == settingConnect && value > 1:
			return false, localError(http3.ErrCodeSettingsError,
				"SETTINGS_ENABLE_CONNECT_PROTOCOL is %d", value)
		}
		values[id] = value
	}
	return values[settingConnect] == 1, nil
}

// goingAway is a GOAWAY frame of a client. It names the first push that is not taken, which is the
// first of all.
func goingAway() []byte {
	b := quicvarint.Append(nil, frameGoAway)
	b = quicvarint.Append(b, 1)
	return quicvarint.Append(b, 0)
}

// ownSettings is what this side's control stream begins with: its type, and SETTINGS.
func ownSettings() []byte {
	payload := quicvarint.Append(nil, settingMaxFieldSection)
	payload = quicvarint.Append(payload, maxHeader)
	b := quicvarint.Append(nil, streamControl)
	b = quicvarint.Append(b, frameSettings)
	b = quicvarint.Append(b, uint64(len(payload)))
	return append(b, payload...)
}
