package client

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/quic-go/qpack"
	"github.com/quic-go/quic-go/http3"
	"github.com/rfc6455/ws/conn/internal/connect"
	"golang.org/x/net/http/httpguts"
)

// maxHeader bounds a response's header, in octets: as it is on the wire, and with 32 more for each
// field (RFC 9114 section 4.2.2).
const maxHeader = 64 << 10

// requestFields returns the field section of an extended CONNECT.
func requestFields(r *http.Request) ([]byte, error) {
	fields, err := connect.Fields(r)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := qpack.NewEncoder(&b)
	for _, f := range fields {
		if err := e.WriteField(qpack.HeaderField{Name: f.Name, Value: f.Value}); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), e.Close()
}

// response returns the response whose field section is block. An error says which rule the server
// has broken.
func response(block []byte) (*http.Response, *http3.Error) {
	resp := &http.Response{
		Proto: "HTTP/3.0", ProtoMajor: 3, Header: make(http.Header), ContentLength: -1,
	}
	next, size := qpack.NewDecoder().Decode(block), 0
	for {
		f, err := next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, localError(http3.ErrCodeQPACKDecompressionFailed,
				"the response's header can't be decoded: %v", err)
		}
		if size += len(f.Name) + len(f.Value) + 32; size > maxHeader {
			return nil, localError(http3.ErrCodeExcessiveLoad,
				"the response's header is longer than %d bytes", maxHeader)
		}
		if e := addField(resp, f); e != nil {
			return nil, e
		}
	}
	if resp.StatusCode == 0 {
		return nil, localError(http3.ErrCodeMessageError, "the response has no :status")
	}
	return resp, nil
}

// addField adds a field to a response (RFC 9114 sections 4.2 and 4.3.2).
func addField(resp *http.Response, f qpack.HeaderField) *http3.Error {
	name, pseudo := strings.CutPrefix(f.Name, ":")
	switch {
	case !httpguts.ValidHeaderFieldName(name), name != strings.ToLower(name),
		!httpguts.ValidHeaderFieldValue(f.Value):
		return localError(http3.ErrCodeMessageError,
			"the response has a field that is not allowed: %.100q", f.Name)
	case slices.Contains(hopByHop, name):
		return localError(http3.ErrCodeMessageError,
			"the response has the field %s, which HTTP/3 does not have", name)
	case !pseudo:
		resp.Header.Add(name, f.Value)
		return nil
	case name != "status" || resp.StatusCode != 0 || len(resp.Header) > 0:
		return localError(http3.ErrCodeMessageError,
			"the response has the pseudo-header %.100q, or has it twice or too late", f.Name)
	}
	code, err := strconv.ParseUint(f.Value, 10, 16)
	if err != nil || len(f.Value) != 3 || code < 100 {
		return localError(http3.ErrCodeMessageError, "the response has no valid :status")
	}
	resp.StatusCode = int(code)
	resp.Status = strings.TrimSpace(f.Value + " " + http.StatusText(resp.StatusCode))
	return nil
}

// hopByHop are the fields that HTTP/3 has done away with (RFC 9114 section 4.2).
var hopByHop = []string{
	"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade",
}
