//go:build go1.27 && goexperiment.jsonv2

package wsjson

import (
	v1json "encoding/json"
	"encoding/json/jsontext"
	"encoding/json/v2"
	"errors"
	"fmt"
	"io"
	"slices"
)

// V2 returns a Codec that encodes and decodes with encoding/json/v2 and these options. Its defaults
// are stricter than those of encoding/json: for instance, the names of an object must differ, and
// fields are matched by case. It exists with Go 1.27 and later.
func V2(options ...json.Options) *Codec {
	return &Codec{engine: v2{
		options: json.JoinOptions(options...),
		strict:  json.JoinOptions(append(slices.Clip(options), json.RejectUnknownMembers(true))...),
	}}
}

// v2 is encoding/json/v2.
type v2 struct{ options, strict json.Options }

func (e v2) encode(b *buffer, v any) error { return json.MarshalWrite(b, v, e.options) }

func (e v2) decode(p []byte, v any, strict bool) error {
	options := e.options
	if strict {
		options = e.strict
	}
	return json.Unmarshal(p, v, options)
}

func (e v2) encodeTo(w io.Writer, v any) error { return json.MarshalWrite(w, v, e.options) }

func (e v2) decodeFrom(r io.Reader, v any, strict bool) error {
	options := e.options
	if strict {
		options = e.strict
	}
	return json.UnmarshalRead(r, v, options)
}

// What encoding/json does by its functions, as options of encoding/json/v2, which can stream. With
// the errors of encoding/json, a decoder would read the whole document first, to check its syntax.
var (
	encodesAsV1       = json.JoinOptions(v1json.DefaultOptionsV1(), jsontext.EscapeForHTML(false))
	decodesAsV1       = json.JoinOptions(encodesAsV1, v1json.ReportErrorsWithLegacySemantics(false))
	decodesAsStrictV1 = json.JoinOptions(decodesAsV1, json.RejectUnknownMembers(true))
)

func (v1) encodeTo(w io.Writer, v any) error { return json.MarshalWrite(w, v, encodesAsV1) }

func (v1) decodeFrom(r io.Reader, v any, strict bool) error {
	options := decodesAsV1
	if strict {
		options = decodesAsStrictV1
	}
	return json.UnmarshalRead(r, v, options)
}

// describeV2 is the text of an error of encoding/json/v2 or jsontext, without values.
func describeV2(err error) (string, bool) {
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return fmt.Sprintf("%v, before byte %d", e.Err, e.ByteOffset), true
	}
	if e, ok := errors.AsType[*json.SemanticError](err); ok {
		if e.Err == json.ErrUnknownName {
			return fmt.Sprintf("a member that %v does not have, at byte %d", e.GoType, e.ByteOffset), true
		}
		return fmt.Sprintf("a value that is no %v, at byte %d", e.GoType, e.ByteOffset), true
	}
	return "", false
}
