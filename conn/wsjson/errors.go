package wsjson

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

var (
	// ErrNotText is in the [*DocumentError] of a Binary message.
	ErrNotText = errors.New("the message is Binary, and a document is Text")

	// ErrTooLarge is in the [*DocumentError] of a document longer than [Codec.MaxSize].
	ErrTooLarge = errors.New("the document is longer than Codec.MaxSize")
)

// DocumentError says that a message is not a document that could be decoded. The connection is
// unharmed, and the next read gets the next message.
//
// Err is the cause: [ErrNotText], [ErrTooLarge], or an error of the JSON package or of an
// UnmarshalJSON method. It may repeat values of the document. The text of the DocumentError repeats
// none, apart from one character of a document that is no JSON, and names. It may be logged, or
// sent to the peer.
type DocumentError struct {
	Err error
}

func (e *DocumentError) Error() string { return "websocket: bad JSON document: " + describe(e.Err) }
func (e *DocumentError) Unwrap() error { return e.Err }

// describe is err's text without values.
func describe(err error) string {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Sprintf("a value that is no %v, before byte %d", e.Type, e.Offset)
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return cut(fmt.Sprintf("%v, before byte %d", e, e.Offset))
	}
	if text, ok := describeV2(err); ok {
		return cut(text)
	}
	return cut(err.Error())
}

// maxText bounds the text of an error, in bytes. The names in it are a stranger's.
const maxText = 200

func cut(s string) string {
	if len(s) <= maxText {
		return s
	}
	end := maxText
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "..."
}
