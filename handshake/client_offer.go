package handshake

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// Offer is a client's opening handshake. It may be used again with another Key. Any number of
// goroutines may use an Offer as long as nobody writes to it.
type Offer struct {
	// URL is where to connect, as [ParseURL] returns it.
	URL *url.URL
	// Key is a result of [NewKey], a new one for each handshake.
	Key string
	// Host, if it is set, replaces the host and port of URL in the Host header.
	Host string
	// Subprotocols lists the subprotocols that the client asks for, in order of preference.
	Subprotocols []string
	// Deflate is the offer of permessage-deflate. If it is nil, none is made.
	Deflate *DeflateOffer
	// Extensions, if there are any, are offered as they are, in place of Deflate. They are for
	// intermediaries, which pass on what a client offers: see [Accepted].Extensions.
	Extensions []Extension
	// Header holds further headers of the request, such as Origin or Cookie. The headers of the
	// handshake itself, Host among them, are not allowed: [IsOwnHeader]. An empty User-Agent is not
	// sent.
	Header http.Header
}

// AppendRequest appends the request (RFC 6455 section 4.1), with its blank line, to dst and returns
// the extended slice. User information in the URL becomes "Authorization: Basic", unless Header has
// an Authorization of its own.
//
// It fails, and returns dst as it was, if the offer can't be sent as it stands: if a header would
// break out of its line or override one of the handshake's, if a subprotocol is not a token or is
// listed twice, if window bits are out of range, or if [ParseURL] did not make the URL or [NewKey]
// the key.
func (o *Offer) AppendRequest(dst []byte) ([]byte, error) {
	if err := o.check(); err != nil {
		return dst, err
	}
	if !validKey(o.Key) {
		return dst, errors.New("websocket: the offer's Key is not 16 bytes in base64: use NewKey")
	}
	dst = append(append(append(dst, "GET "...), resourceName(o.URL)...), " HTTP/1.1\r\n"...)
	dst = appendField(dst, "Host", o.host())
	dst = append(dst, "Upgrade: websocket\r\nConnection: Upgrade\r\n"...)
	dst = appendField(dst, nameKey, o.Key)
	dst = appendField(dst, nameVersion, Version)
	for _, f := range o.offers() {
		dst = appendField(dst, f.name, f.value)
	}
	return append(appendFields(dst, o.Header), "\r\n"...), nil
}

// check reports the first reason why the offer can't be sent.
func (o *Offer) check() error {
	if err := checkURL(o.URL); err != nil {
		return err
	}
	if !isAuthority(o.host()) {
		return errors.New("websocket: the offer's Host is not a host or host:port")
	}
	if err := validateSubprotocols(o.Subprotocols); err != nil {
		return err
	}
	if o.Deflate != nil {
		if err := validBits(o.Deflate.ServerMaxWindowBits, o.Deflate.ClientMaxWindowBits); err != nil {
			return err
		}
	}
	if err := validateExtensions(o.Extensions); err != nil {
		return err
	}
	return checkFields(o.Header, "Host")
}

// host returns the value of the Host header: "the host component with an optional port (when not
// using the default port)", section 4.1, item 4.
func (o *Offer) host() string {
	if o.Host != "" {
		return o.Host
	}
	return hostHeader(o.URL)
}

// offers returns the header lines that say what the client asks for, and who asks.
func (o *Offer) offers() []field {
	var list []field
	if len(o.Subprotocols) > 0 {
		list = append(list, field{nameProtocol, strings.Join(o.Subprotocols, ", ")})
	}
	switch {
	case len(o.Extensions) > 0:
		list = append(list, field{nameExtensions, string(appendExtensions(nil, o.Extensions))})
	case o.Deflate != nil:
		list = append(list, field{nameExtensions, string(o.Deflate.append(nil))})
	}
	if o.URL.User != nil && !hasField(o.Header, "Authorization") {
		password, _ := o.URL.User.Password()
		credentials := base64.StdEncoding.EncodeToString([]byte(o.URL.User.Username() + ":" + password))
		list = append(list, field{"Authorization", "Basic " + credentials})
	}
	return list
}

// hasField reports whether h has a header of this name. The case of its key does not matter.
func hasField(h http.Header, name string) bool {
	for key := range h {
		if equalFold(key, name) {
			return true
		}
	}
	return false
}
