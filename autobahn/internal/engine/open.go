package engine

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Product is the tester's name in its own handshakes.
const Product = "wsconform"

// maxHead bounds the head of a request or response.
const maxHead = 64 << 10

// acceptKey returns the value of Sec-WebSocket-Accept for a key (RFC 6455 section
// 4.2.2).
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// newKey returns a random Sec-WebSocket-Key.
func newKey() string {
	var b [16]byte
	rand.Read(b[:])
	return base64.StdEncoding.EncodeToString(b[:])
}

// ReadHead reads up to the empty line that ends a head, from early and then from nc. Rest
// is what came after that line.
func ReadHead(nc net.Conn, early []byte) (head, rest []byte, err error) {
	b := early
	for {
		if i := bytes.Index(b, []byte("\r\n\r\n")); i >= 0 {
			return b[:i+4], b[i+4:], nil
		}
		if len(b) > maxHead {
			return b, nil, errors.New("the head of the handshake does not end")
		}
		chunk := make([]byte, 4<<10)
		n, err := nc.Read(chunk)
		b = append(b, chunk[:n]...)
		if err != nil && !bytes.Contains(b, []byte("\r\n\r\n")) {
			return b, nil, fmt.Errorf("no complete handshake: %w", err)
		}
	}
}

// OpenClient does the client's opening handshake on nc (RFC 6455 section 4.1). It returns
// the bytes that came after the response. If it returns an error, [Tester.Refuse] ends the
// case, otherwise [Tester.Run] follows.
func (t *Tester) OpenClient(nc net.Conn, u *url.URL) ([]byte, error) {
	nc.SetDeadline(time.Now().Add(t.Allow(t.Script.Hello.patience())))
	key := newKey()
	request := "GET " + u.RequestURI() + " HTTP/1.1\r\n" +
		"User-Agent: " + Product + "\r\n" +
		"Host: " + HostPort(u) + "\r\n" +
		"Upgrade: WebSocket\r\n" +
		"Connection: Upgrade\r\n" +
		"Pragma: no-cache\r\n" +
		"Cache-Control: no-cache\r\n" +
		"Sec-WebSocket-Key: " + key + "\r\n"
	if offer := t.Script.Offer(); offer != "" {
		request += "Sec-WebSocket-Extensions: " + offer + "\r\n"
	}
	request += "Sec-WebSocket-Version: 13\r\n\r\n"
	request = t.Script.Hello.apply(request)
	t.Rec.HTTPRequest = request[:min(len(request), maxHead)]
	t.Rec.Traffic.PreopenOutgoingOctetsWireLevel = len(request)
	t.Rec.SentOctets([]byte(request), false)
	if err := t.Script.Hello.Write(nc, request); err != nil && t.Script.Hello == nil {
		return nil, err // a server may refuse a case's own request before all is written
	}
	head, rest, err := ReadHead(nc, nil)
	if len(head) > 0 {
		t.Rec.GotOctets(slices.Concat(head, rest))
	}
	if t.Script.Hello != nil {
		if bytes.HasPrefix(head, []byte("HTTP/1.1 100 ")) {
			head, rest, err = ReadHead(nc, rest)
		}
		if err := t.judgeResponse(nc, head, rest, err); err != nil {
			t.Rec.HTTPResponse = string(head)
			return nil, err
		}
		key = sentKey(request)
	}
	t.Rec.HTTPResponse = string(head)
	t.Rec.Traffic.PreopenIncomingOctetsWireLevel = len(head) + len(rest)
	if err != nil {
		var timeout net.Error
		t.Rec.WasOpenHandshakeTimeout = errors.As(err, &timeout) && timeout.Timeout()
		return nil, err
	}
	if err := t.checkResponse(head, key); err != nil {
		return nil, err
	}
	return rest, nc.SetDeadline(time.Time{})
}

// Offer returns the extensions that a case offers, as a header value. For a case that
// writes them into the request itself the value is empty.
func (c *Script) Offer() string {
	if c.Deflate == nil || c.Deflate.Given {
		return ""
	}
	var offers []string
	for _, o := range c.Deflate.Offers {
		offers = append(offers, o.offerText())
	}
	return strings.Join(offers, ", ")
}

// sentKey returns the key in a request, which a case may have replaced.
func sentKey(request string) string {
	for line := range strings.SplitSeq(request, "\n") {
		if name, value, _ := strings.Cut(line, ":"); strings.EqualFold(name, "Sec-WebSocket-Key") {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// HostPort returns the value of the Host header, always with a port.
func HostPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	if u.Scheme == "wss" {
		return net.JoinHostPort(u.Hostname(), "443")
	}
	return net.JoinHostPort(u.Hostname(), "80")
}

// checkResponse checks a server's answer (RFC 6455 section 4.1, last part).
func (t *Tester) checkResponse(head []byte, key string) error {
	r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(head)), nil)
	if err != nil {
		return err
	}
	h := r.Header
	switch {
	case r.Proto != "HTTP/1.1":
		return fmt.Errorf("the response is %s", r.Proto)
	case r.StatusCode != http.StatusSwitchingProtocols:
		return fmt.Errorf("the status is %s", r.Status)
	case !strings.EqualFold(strings.TrimSpace(h.Get("Upgrade")), "websocket"):
		return fmt.Errorf("the Upgrade header is %q", h["Upgrade"])
	case !HasToken(h["Connection"], "upgrade"):
		return fmt.Errorf("the Connection header is %q", h["Connection"])
	case !slices.Equal(h["Sec-Websocket-Accept"], []string{acceptKey(key)}):
		return fmt.Errorf("the Sec-WebSocket-Accept header is %q", h["Sec-Websocket-Accept"])
	case len(h["Sec-Websocket-Extensions"]) > 1:
		return errors.New("there is more than one Sec-WebSocket-Extensions header")
	case len(h["Sec-Websocket-Protocol"]) > 0:
		return errors.New("the server chose a subprotocol, and none was offered")
	}
	return t.TakeAnswer(h.Get("Sec-WebSocket-Extensions"))
}

// TakeAnswer takes the server's choice of extensions, a header value, for the connection.
func (t *Tester) TakeAnswer(value string) error {
	answers, others, err := ParseExtensions(value, false)
	switch {
	case err != nil:
		return err
	case others > 0 || len(answers) > 0 && t.Script.Deflate == nil:
		return fmt.Errorf("the server chose an extension that was not offered: %s", value)
	case len(answers) > 1:
		return fmt.Errorf("the server chose permessage-deflate twice: %s", value)
	case len(answers) == 1:
		t.Deflate = NewDeflation(answers[0], t.Server)
	}
	return nil
}

// HasToken reports whether a header that is a list with commas has a token.
func HasToken(values []string, token string) bool {
	for _, v := range values {
		for t := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(t), token) {
				return true
			}
		}
	}
	return false
}

// Refusal is why the tester, as a server, does not take a request, and what it answers.
type Refusal struct {
	Status int
	Header string // more header lines, each with its CRLF
	Reason string
}

// Error returns the reason.
func (r *Refusal) Error() string { return r.Reason }

// validKey is the base64 form of 16 octets.
var validKey = regexp.MustCompile(`^[A-Za-z0-9+/]{22}==$`)

// CheckRequest checks a client's request (RFC 6455 section 4.2.1). Port is the one that the
// tester listens on, which the Host header must have; empty: any. A nil Refusal: all is well.
func CheckRequest(r *http.Request, port string) *Refusal {
	h := r.Header
	_, hostPort, err := net.SplitHostPort(r.Host)
	if err != nil {
		hostPort = "80"
	}
	version := strings.TrimSpace(h.Get("Sec-WebSocket-Version"))
	bad := func(format string, args ...any) *Refusal {
		return &Refusal{Status: http.StatusBadRequest, Reason: fmt.Sprintf(format, args...)}
	}
	switch {
	case r.Method != http.MethodGet:
		return &Refusal{Status: http.StatusMethodNotAllowed, Reason: "the method is " + r.Method}
	case r.Proto != "HTTP/1.1":
		return &Refusal{Status: http.StatusHTTPVersionNotSupported, Reason: "the request is " + r.Proto}
	case port != "" && hostPort != port:
		return bad("the port in the Host header %q is not %s", r.Host, port)
	case !HasToken(h["Upgrade"], "websocket"):
		return bad("the Upgrade header is %q", h["Upgrade"])
	case !HasToken(h["Connection"], "upgrade"):
		return bad("the Connection header is %q", h["Connection"])
	case len(h["Sec-Websocket-Version"]) != 1 || version != "13" && version != "8" && version != "0":
		r := bad("the Sec-WebSocket-Version header is %q", h["Sec-Websocket-Version"])
		r.Header = "Sec-WebSocket-Version: 13,8,0\r\n"
		return r
	case len(h["Origin"]) > 1:
		return bad("there is more than one Origin header")
	case len(h["Sec-Websocket-Key"]) != 1 || !validKey.MatchString(strings.TrimSpace(h.Get("Sec-WebSocket-Key"))):
		return bad("the Sec-WebSocket-Key header is %q", h["Sec-Websocket-Key"])
	case len(h["Sec-Websocket-Extensions"]) > 1:
		return bad("there is more than one Sec-WebSocket-Extensions header")
	}
	return nil
}

// Response returns the server's answer to a request that [CheckRequest] takes (RFC 6455
// section 4.2.2). If the case asks for compression, and the client offers it, it is on then.
func (t *Tester) Response(r *http.Request) (string, *Refusal) {
	offers, _, err := ParseExtensions(r.Header.Get("Sec-WebSocket-Extensions"), true)
	if err != nil {
		return "", &Refusal{Status: http.StatusBadRequest, Reason: err.Error()}
	}
	t.MustRefuse = t.Script.Hello.mustRefuse(offers)
	s := "HTTP/1.1 101 Switching Protocols\r\n" +
		"Server: " + Product + "\r\n" +
		"Upgrade: WebSocket\r\n" +
		"Connection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + acceptKey(strings.TrimSpace(r.Header.Get("Sec-WebSocket-Key"))) + "\r\n"
	if answer := t.Answer(offers); answer != "" {
		s += "Sec-WebSocket-Extensions: " + answer + "\r\n"
	}
	return t.Script.Hello.apply(s + "\r\n"), nil
}

// Answer accepts one of a client's offers of permessage-deflate, if the case asks for that.
// It returns the header value that says so; empty: none was accepted.
func (t *Tester) Answer(offers []Parameters) string {
	if t.Script.Deflate == nil || t.Script.Deflate.Given {
		return ""
	}
	p, ok := t.Script.Deflate.Accept(offers)
	if !ok {
		return ""
	}
	t.Deflate = NewDeflation(p, t.Server)
	if t.Script.Deflate.Text != "" {
		return t.Script.Deflate.Text
	}
	return p.answerText()
}

// Refuse ends a case whose opening handshake has failed: it closes the connection, and judges
// the case.
func (t *Tester) Refuse(err error) {
	t.Rec.DroppedByMe = true
	t.Rec.WasNotCleanReason = new(strings.TrimSpace(err.Error()))
	t.out.abort()
	t.Rec.ended = time.Now()
	t.judge()
}
