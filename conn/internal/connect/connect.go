// Package connect makes the request of an extended CONNECT, which HTTP/2 (RFC 8441 section 4) and
// HTTP/3 (RFC 9220 section 3) have in common but for its encoding.
package connect

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// Protocol is the name of the field that makes a CONNECT an extended one. An [http.Request] has it
// in its Header.
const Protocol = ":protocol"

// Field is a field of a request.
type Field struct {
	Name, Value string
	Secret      bool // it stays out of tables of compression (RFC 7541 section 7.1.3)
}

// Fields returns the fields of r: the pseudo-header fields, and then the others by their names,
// which are in lower case. r's Method is CONNECT, and its Header has one [Protocol]. The errors
// show no values.
func Fields(r *http.Request) ([]Field, error) {
	values := r.Header[Protocol]
	if r.Method != http.MethodConnect || len(values) != 1 {
		return nil, errors.New("websocket: only requests with the method CONNECT and one :protocol " +
			"can be sent over HTTP/2 and HTTP/3")
	}
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	fields := []Field{
		{Name: ":method", Value: r.Method},
		{Name: Protocol, Value: values[0]},
		{Name: ":scheme", Value: r.URL.Scheme},
		{Name: ":authority", Value: host},
		{Name: ":path", Value: r.URL.RequestURI()},
	}
	names := make([]string, 0, len(r.Header))
	for name := range r.Header {
		if name != Protocol {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		lower := strings.ToLower(name)
		for _, v := range r.Header[name] {
			fields = append(fields, Field{Name: lower, Value: v, Secret: secret(lower)})
		}
	}
	return fields, check(fields)
}

func secret(name string) bool {
	return name == "authorization" || name == "cookie" || name == "proxy-authorization"
}

// check refuses fields that may not be sent.
func check(fields []Field) error {
	for _, f := range fields {
		name, pseudo := strings.CutPrefix(f.Name, ":")
		switch {
		case !httpguts.ValidHeaderFieldName(name):
			return fmt.Errorf("websocket: %q is no name of a header", f.Name)
		case !httpguts.ValidHeaderFieldValue(f.Value) || pseudo && f.Value == "":
			return fmt.Errorf("websocket: the value of the header %s is not allowed", f.Name)
		}
	}
	return nil
}
