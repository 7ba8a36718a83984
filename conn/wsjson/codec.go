package wsjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// Codec has the settings for reading and writing. The zero Codec and a nil one do what the
// package's functions do. Any number of goroutines may use a Codec, but nobody may change it
// meanwhile.
type Codec struct {
	// MaxSize bounds a document that is read, in bytes. A longer one is read to its end and
	// dropped, and its error wraps [ErrTooLarge]; no more than MaxSize bytes of it are held.
	// Default: Config.MaxMessageSize is the only bound, and exceeding that ends the connection.
	MaxSize int64

	// DisallowUnknownFields refuses a document with an object that has a member for which the Go
	// struct has no field. Default: such members are ignored.
	DisallowUnknownFields bool

	engine engine
}

// engine is an implementation of JSON.
type engine interface {
	encode(b *buffer, v any) error // appends the document of v
	decode(p []byte, v any, strict bool) error

	encodeTo(w io.Writer, v any) error // as much as it can while it writes
	decodeFrom(r io.Reader, v any, strict bool) error
}

var zero Codec

func (k *Codec) orZero() *Codec {
	if k == nil {
		return &zero
	}
	return k
}

// json returns k's implementation of JSON.
func (k *Codec) json() engine {
	if k.engine != nil {
		return k.engine
	}
	return v1{}
}

func (k *Codec) encode(b *buffer, v any) error     { return k.json().encode(b, v) }
func (k *Codec) encodeTo(w io.Writer, v any) error { return k.json().encodeTo(w, v) }

func (k *Codec) decode(p []byte, v any) error {
	return k.json().decode(p, v, k.DisallowUnknownFields)
}

func (k *Codec) decodeFrom(r io.Reader, v any) error {
	return k.json().decodeFrom(r, v, k.DisallowUnknownFields)
}

// v1 is encoding/json.
type v1 struct{}

func (v1) encode(b *buffer, v any) error {
	if err := b.encoder.Encode(v); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1) // the line feed that Encode writes
	return nil
}

func (v1) decode(p []byte, v any, strict bool) error {
	if !strict {
		return json.Unmarshal(p, v)
	}
	d := json.NewDecoder(bytes.NewReader(p))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return unexpectedEnd(err)
	}
	return ended(d)
}

// ended reports whether nothing but space is left.
func ended(d *json.Decoder) error {
	switch _, err := d.Token(); err {
	case io.EOF:
		return nil
	case nil:
		return errTrailing
	default:
		return err
	}
}

// unexpectedEnd is err, unless it is the io.EOF of a document that has not even begun.
func unexpectedEnd(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

var (
	errTrailing = errors.New("something follows the document")
	errNoArray  = errors.New("the document is no array")
	errNoObject = errors.New("the document is no object")
)
