package handshake

import (
	"net/http"
	"slices"
	"strings"
)

// alert is how an alert of TLS begins (RFC 8446 section 5.1).
const alert = "\x15\x03"

// begins reports whether b begins with prefix, or may once there is more of it.
func begins(b []byte, prefix string) bool {
	n := min(len(b), len(prefix))
	return string(b[:n]) == prefix[:n]
}

// Response parses the final response at the start of b. n is the length of everything up to the end
// of its header section, interim responses included: b[n:] is what came after it, frames or a body.
// If n is 0 and err is nil, more bytes are needed: call again with the same bytes and more of them
// appended.
//
// Interim responses other than 101 are skipped (RFC 9110 section 15.2), at most [MaxInterim] of
// them. The response has no Body, and its ContentLength is -1. If you want the body of a refusal,
// pass the bytes from the last status line on to [http.ReadResponse], which knows transfer codings.
// The error is an *[Error] with status 0. The response holds copies and may be kept.
func (p *Parser) Response(b []byte) (resp *http.Response, n int, err error) {
	for {
		switch s := b[p.start:]; {
		case begins(s, "HTTP/"):
		case !begins(s, alert):
			return nil, 0, badResponse(fieldStatusLine, "does not begin with HTTP/: is this an HTTP server, and should the URL say wss or ws?")
		case len(s) < len(alert):
			return nil, 0, nil
		default:
			return nil, 0, badResponse(fieldStatusLine, "is a record of TLS: the server speaks TLS on this port, begin the URL with wss://")
		}
		end := p.end(b)
		if end > MaxHeaderBytes || end == 0 && len(b) > MaxHeaderBytes {
			return nil, 0, badResponse(fieldHeader, "is larger than 64 KiB")
		}
		if end == 0 {
			return nil, 0, nil
		}
		resp, bad := parseResponse(string(b[p.start:end]))
		if bad != nil {
			return nil, 0, bad
		}
		if resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, end, nil
		}
		if p.interim++; p.interim > MaxInterim {
			return nil, 0, badResponse(fieldStatusLine, "is one more of too many interim (1xx) responses")
		}
		p.start, p.scanned = end, end
	}
}

// badResponse returns the error for a response that is not HTTP.
func badResponse(field, reason string) *Error {
	return &Error{Field: field, Reason: reason}
}

// parseResponse parses one header section.
func parseResponse(head string) (*http.Response, *Error) {
	resp := &http.Response{Header: http.Header{}, Body: http.NoBody, ContentLength: -1}
	line, rest, ok := cutLine(head)
	if !ok || !parseStatusLine(resp, line) {
		return nil, badResponse(fieldStatusLine, "must be HTTP/1.1, three digits and a reason")
	}
	if strings.Count(rest, "\n")-1 > MaxHeaderFields {
		return nil, badResponse(fieldHeader, "has more than 256 lines")
	}
	if reason := parseResponseFields(resp.Header, rest); reason != "" {
		return nil, badResponse(fieldHeader, reason)
	}
	return resp, nil
}

// parseStatusLine parses "HTTP-version SP 3DIGIT SP [ reason-phrase ]" (RFC 9112 section 4).
// Without a reason the last space may be missing, too, as it often is. The version must be HTTP/1:
// an HTTP/2 response has no status line, and one that claimed to be HTTP/2 in text would be judged
// without its Accept.
func parseStatusLine(resp *http.Response, line string) (ok bool) {
	version, status, _ := strings.Cut(line, " ")
	code, reason, _ := strings.Cut(status, " ")
	if len(code) != 3 || !isDigit(code[0]) || !isDigit(code[1]) || !isDigit(code[2]) || code[0] == '0' || !isFieldValue(reason) {
		return false
	}
	resp.Proto, resp.Status = version, status
	resp.StatusCode = int(code[0]-'0')*100 + int(code[1]-'0')*10 + int(code[2]-'0')
	resp.ProtoMajor, resp.ProtoMinor, ok = parseVersion(version)
	return ok && resp.ProtoMajor == 1
}

// parseResponseFields adds the header lines in s, up to the blank one, to h. It returns the reason
// why a line is wrong, or "". "A user agent that receives an obs-fold in a response message [...]
// MUST replace each received obs-fold with one or more SP octets": RFC 9112 section 5.2.
func parseResponseFields(h http.Header, s string) (reason string) {
	var last []string // the header that a folded line would continue
	for {
		line, rest, ok := cutLine(s)
		if line == "" && ok {
			return ""
		}
		s = rest
		if ok && isOWS(line[0]) && last != nil && isFieldValue(line) {
			last[len(last)-1] = trimOWS(last[len(last)-1] + " " + trimOWS(line))
			continue
		}
		f, reason := parseField(line, ok)
		if reason != "" {
			return reason
		}
		key := http.CanonicalHeaderKey(f.name)
		h[key] = append(h[key], f.value)
		last = h[key]
	}
}

// CheckResponse decides whether the response to this offer opens a WebSocket (RFC 6455 section 4.1,
// the second list; RFC 7692 section 7.1), and returns what was agreed. It recognises the answer to
// [Offer.ConnectRequest] by its HTTP version (RFC 8441 section 5).
//
// The error is an *[Error] with the status of the response. The connection must then be closed
// without a Close frame, since the handshake has not succeeded (section 7.1.7). A server that chose
// no subprotocol although some were offered is accepted: check the result if you need one.
func (o *Offer) CheckResponse(resp *http.Response) (Accepted, error) {
	check := o.checkUpgrade
	if resp.ProtoMajor >= 2 {
		check = o.checkConnect
	}
	var a Accepted
	var field, reason string
	if field, reason = check(resp); reason == "" {
		field = nameProtocol
		a.Subprotocol, reason = o.checkSubprotocol(resp.Header[keyProtocol])
	}
	if reason == "" {
		field = nameExtensions
		a.Deflate, a.Extensions, reason = o.checkExtensions(resp.Header[keyExtensions])
	}
	if reason != "" {
		return Accepted{}, &Error{Status: resp.StatusCode, Field: field, Reason: reason}
	}
	return a, nil
}

// checkUpgrade checks that a response switches to the WebSocket protocol: items 1 to 4. The reason
// is empty if it does.
func (o *Offer) checkUpgrade(resp *http.Response) (field, reason string) {
	h := resp.Header
	switch {
	case resp.StatusCode != http.StatusSwitchingProtocols:
		return refusal(resp)
	case resp.ProtoMajor != 1 || resp.ProtoMinor < 1:
		return fieldStatusLine, "must say HTTP/1.1"
	// Upgrade is compared as a whole, Connection is a list: items 2 and 3.
	case len(h["Upgrade"]) != 1 || !equalFold(trimOWS(h["Upgrade"][0]), "websocket"):
		return "Upgrade", "must be websocket and nothing else"
	case !slices.ContainsFunc(h["Connection"], func(v string) bool { return hasElement(v, "Upgrade") }):
		return "Connection", "must name Upgrade"
	// "The |Sec-WebSocket-Accept| header field MUST NOT appear more than once in an HTTP response":
	// section 11.3.3.
	case len(h[keyAccept]) != 1:
		return nameAccept, "must be there once"
	case trimOWS(h[keyAccept][0]) != Accept(o.Key):
		return nameAccept, "does not belong to the key that was sent: a cache or a server that does not speak WebSocket may have answered"
	}
	return "", ""
}

// checkConnect checks that a response to an extended CONNECT is a success: a status of 2xx. The
// other headers of RFC 6455's response do not exist there (RFC 8441 section 5).
func (o *Offer) checkConnect(resp *http.Response) (field, reason string) {
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return refusal(resp)
	}
	return "", ""
}

// refusal says what a response means that is not a success, as far as its status and headers tell.
func refusal(resp *http.Response) (field, reason string) {
	// All lines are one list: RFC 6455 section 11.3.5.
	versions := resp.Header[keyVersion]
	speaks13 := slices.ContainsFunc(versions, func(v string) bool { return hasElement(v, Version) })
	switch {
	case resp.StatusCode >= 400 && len(versions) > 0 && !speaks13:
		return nameVersion, "lists other versions than 13, the only one spoken here"
	case resp.StatusCode >= 300 && resp.StatusCode < 400 && resp.Header.Get("Location") != "":
		return fieldStatusLine, "redirects to another address: see the Location header"
	case resp.StatusCode == http.StatusUnauthorized:
		return fieldStatusLine, "asks for credentials: " + seeHeader(resp, "WWW-Authenticate")
	case resp.StatusCode == http.StatusProxyAuthRequired:
		return fieldStatusLine, "asks for credentials: " + seeHeader(resp, "Proxy-Authenticate")
	case resp.StatusCode < 300 || resp.StatusCode == http.StatusNotFound:
		return fieldStatusLine, "answers as to a plain request: is there a WebSocket at this path?"
	case resp.StatusCode == http.StatusMethodNotAllowed && resp.ProtoMajor >= 2:
		return fieldStatusLine, "takes no CONNECT, which is the method of a handshake over HTTP/2 and HTTP/3: is the server's route for GET alone?"
	case resp.StatusCode == http.StatusMethodNotAllowed:
		return fieldStatusLine, "takes no GET: is there a WebSocket at this path?"
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable:
		return fieldStatusLine, "takes no connection for now: " + seeHeader(resp, "Retry-After")
	}
	return fieldStatusLine, "does not accept the handshake: the body may say why"
}

// seeHeader points to a header, or to the body if the response does not have that header.
func seeHeader(resp *http.Response, name string) string {
	if resp.Header.Get(name) != "" {
		return "see the " + name + " header"
	}
	return "the body may say more"
}

// checkSubprotocol checks the server's choice: item 6. It must be a single token, in a single line
// (section 11.3.4), and one that was offered, in the same case.
func (o *Offer) checkSubprotocol(lines []string) (chosen, reason string) {
	if len(lines) == 0 {
		return "", ""
	}
	chosen = trimOWS(lines[0])
	switch {
	case len(lines) > 1 || !isToken(chosen):
		return "", "must be one subprotocol"
	case !slices.Contains(o.Subprotocols, chosen):
		return "", "names a subprotocol that was not offered"
	}
	return chosen, ""
}

// checkExtensions checks the server's choice: item 5. "If this header field indicates the use of an
// extension that was not present in the client's handshake [...], the client MUST _Fail the
// WebSocket Connection_".
func (o *Offer) checkExtensions(lines []string) (agreed *Deflate, as []Extension, reason string) {
	var p extensionParser
	for _, v := range lines {
		if reason := p.parse(v); reason != "" {
			return nil, nil, reason
		}
	}
	if len(o.Extensions) > 0 {
		if !namesAreOf(p.extensions, o.Extensions) {
			return nil, nil, reasonNotOffered
		}
		return nil, p.extensions, ""
	}
	for _, e := range p.extensions {
		switch {
		case e.Name != extDeflate || o.Deflate == nil:
			return nil, nil, reasonNotOffered
		case agreed != nil:
			return nil, nil, "names permessage-deflate twice"
		}
		if agreed, reason = o.Deflate.check(e.Params); reason != "" {
			return nil, nil, reason
		}
	}
	return agreed, nil, ""
}
