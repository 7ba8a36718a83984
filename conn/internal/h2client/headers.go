package h2client

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/rfc6455/ws/conn/internal/connect"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// requestFields returns the fields of an extended CONNECT. Secrets stay out of HPACK's tables.
func requestFields(r *http.Request) ([]hpack.HeaderField, error) {
	fields, err := connect.Fields(r)
	if err != nil {
		return nil, err
	}
	encoded := make([]hpack.HeaderField, len(fields))
	for i, f := range fields {
		encoded[i] = hpack.HeaderField{Name: f.Name, Value: f.Value, Sensitive: f.Secret}
	}
	return encoded, nil
}

// response returns the response of a HEADERS frame, whose fields the Framer has checked.
func response(f *http2.MetaHeadersFrame) (*http.Response, error) {
	text := f.PseudoValue("status")
	code, err := strconv.ParseUint(text, 10, 16)
	if f.Truncated || err != nil || len(text) != 3 || code < 100 {
		cause := errors.New("the response has no valid :status")
		if f.Truncated {
			cause = fmt.Errorf("the response's header is longer than %d bytes", maxHeaderList)
		}
		return nil, http2.StreamError{StreamID: f.StreamID, Code: http2.ErrCodeProtocol, Cause: cause}
	}
	status := int(code)
	resp := &http.Response{
		Status: strings.TrimSpace(text + " " + http.StatusText(status)), StatusCode: status,
		Proto: "HTTP/2.0", ProtoMajor: 2, Header: make(http.Header), ContentLength: -1,
	}
	for _, field := range f.RegularFields() {
		resp.Header.Add(field.Name, field.Value)
	}
	return resp, nil
}
