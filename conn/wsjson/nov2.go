//go:build !go1.27 || !goexperiment.jsonv2

package wsjson

import (
	"encoding/json"
	"io"
)

// describeV2 knows no error of encoding/json/v2, which this release of Go does not have.
func describeV2(error) (string, bool) { return "", false }

// encodeTo encodes the document of v. encoding/json makes the whole of it before it writes.
func (v1) encodeTo(w io.Writer, v any) error {
	b := getBuffer()
	defer b.put()
	if err := (v1{}).encode(b, v); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// decodeFrom decodes the document that r holds. encoding/json reads the whole of it first.
func (v1) decodeFrom(r io.Reader, v any, strict bool) error {
	d := json.NewDecoder(r)
	if strict {
		d.DisallowUnknownFields()
	}
	if err := d.Decode(v); err != nil {
		return err
	}
	return ended(d)
}
