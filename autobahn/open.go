package autobahn

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

// product is the tester's name in its own handshakes.
const product = "wsconform"

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

// readHead reads up to the empty line that ends a head, from early and then from nc.
// What came after it is returned too.
func readHead(nc net.Conn, early []byte) (head, rest []byte, err error) {
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

// openClient does the client's opening handshake on nc (RFC 6455 section 4.1). Bytes
// that came after the response are returned.
func (t *tester) openClient(nc net.Conn, u *url.URL) ([]byte, error) {
	nc.SetDeadline(time.Now().Add(t.allow(t.c.hello.patience())))
	key := newKey()
	request := "GET " + u.RequestURI() + " HTTP/1.1\r\n" +
		"User-Agent: " + product + "\r\n" +
		"Host: " + hostPort(u) + "\r\n" +
		"Upgrade: WebSocket\r\n" +
		"Connection: Upgrade\r\n" +
		"Pragma: no-cache\r\n" +
		"Cache-Control: no-cache\r\n" +
		"Sec-WebSocket-Key: " + key + "\r\n"
	if offer := t.c.offer(); offer != "" {
		request += "Sec-WebSocket-Extensions: " + offer + "\r\n"
	}
	request += "Sec-WebSocket-Version: 13\r\n\r\n"
	request = t.c.hello.apply(request)
	t.rec.HTTPRequest = request[:min(len(request), maxHead)]
	t.rec.Traffic.PreopenOutgoingOctetsWireLevel = len(request)
	t.rec.sentOctets([]byte(request), false)
	if err := t.c.hello.write(nc, request); err != nil && t.c.hello == nil {
		return nil, err // a case of its own may be refused before all is written
	}
	head, rest, err := readHead(nc, nil)
	if len(head) > 0 {
		t.rec.gotOctets(slices.Concat(head, rest))
	}
	if t.c.hello != nil {
		if bytes.HasPrefix(head, []byte("HTTP/1.1 100 ")) {
			head, rest, err = readHead(nc, rest)
		}
		if err := t.judgeResponse(nc, head, rest, err); err != nil {
			t.rec.HTTPResponse = string(head)
			return nil, err
		}
		key = sentKey(request)
	}
	t.rec.HTTPResponse = string(head)
	t.rec.Traffic.PreopenIncomingOctetsWireLevel = len(head) + len(rest)
	if err != nil {
		var timeout net.Error
		t.rec.WasOpenHandshakeTimeout = errors.As(err, &timeout) && timeout.Timeout()
		return nil, err
	}
	if err := t.checkResponse(head, key); err != nil {
		return nil, err
	}
	return rest, nc.SetDeadline(time.Time{})
}

// offer returns the extensions that a case offers, as a header value. Some cases
// write theirs into the request themselves.
func (c *Case) offer() string {
	if c.deflate == nil || c.deflate.given {
		return ""
	}
	var offers []string
	for _, o := range c.deflate.offers {
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

// hostPort returns the value of the Host header, always with a port.
func hostPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	if u.Scheme == "wss" {
		return net.JoinHostPort(u.Hostname(), "443")
	}
	return net.JoinHostPort(u.Hostname(), "80")
}

// checkResponse checks a server's answer (RFC 6455 section 4.1, last part).
func (t *tester) checkResponse(head []byte, key string) error {
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
	case !hasToken(h["Connection"], "upgrade"):
		return fmt.Errorf("the Connection header is %q", h["Connection"])
	case !slices.Equal(h["Sec-Websocket-Accept"], []string{acceptKey(key)}):
		return fmt.Errorf("the Sec-WebSocket-Accept header is %q", h["Sec-Websocket-Accept"])
	case len(h["Sec-Websocket-Extensions"]) > 1:
		return errors.New("there is more than one Sec-WebSocket-Extensions header")
	case len(h["Sec-Websocket-Protocol"]) > 0:
		return errors.New("the server chose a subprotocol, and none was offered")
	}
	return t.takeAnswer(h.Get("Sec-WebSocket-Extensions"))
}

// takeAnswer makes the server's choice of extensions the connection's.
func (t *tester) takeAnswer(value string) error {
	answers, others, err := parseExtensions(value, false)
	switch {
	case err != nil:
		return err
	case others > 0 || len(answers) > 0 && t.c.deflate == nil:
		return fmt.Errorf("the server chose an extension that was not offered: %s", value)
	case len(answers) > 1:
		return fmt.Errorf("the server chose permessage-deflate twice: %s", value)
	case len(answers) == 1:
		t.deflate = newDeflation(answers[0], t.server)
	}
	return nil
}

// hasToken reports whether a comma-separated header holds a token.
func hasToken(values []string, token string) bool {
	for _, v := range values {
		for t := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(t), token) {
				return true
			}
		}
	}
	return false
}

// refusal is a request that is answered with an error.
type refusal struct {
	status int
	header string // more lines, each with its CRLF
	reason string
}

func (r *refusal) Error() string { return r.reason }

var validKey = regexp.MustCompile(`^[A-Za-z0-9+/]{22}==$`)

// checkRequest checks a client's request (RFC 6455 section 4.2.1). The port of the
// Host header must be the one that the tester listens on.
func checkRequest(r *http.Request, port string) *refusal {
	h := r.Header
	_, hostPort, err := net.SplitHostPort(r.Host)
	if err != nil {
		hostPort = "80"
	}
	version := strings.TrimSpace(h.Get("Sec-WebSocket-Version"))
	bad := func(format string, args ...any) *refusal {
		return &refusal{status: http.StatusBadRequest, reason: fmt.Sprintf(format, args...)}
	}
	switch {
	case r.Method != http.MethodGet:
		return &refusal{status: http.StatusMethodNotAllowed, reason: "the method is " + r.Method}
	case r.Proto != "HTTP/1.1":
		return &refusal{status: http.StatusHTTPVersionNotSupported, reason: "the request is " + r.Proto}
	case port != "" && hostPort != port:
		return bad("the port in the Host header %q is not %s", r.Host, port)
	case !hasToken(h["Upgrade"], "websocket"):
		return bad("the Upgrade header is %q", h["Upgrade"])
	case !hasToken(h["Connection"], "upgrade"):
		return bad("the Connection header is %q", h["Connection"])
	case len(h["Sec-Websocket-Version"]) != 1 || version != "13" && version != "8" && version != "0":
		r := bad("the Sec-WebSocket-Version header is %q", h["Sec-Websocket-Version"])
		r.header = "Sec-WebSocket-Version: 13,8,0\r\n"
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

// response returns the server's answer to a request that is fine (RFC 6455 section
// 4.2.2), and for a case that asks for it turns compression on.
func (t *tester) response(r *http.Request) (string, *refusal) {
	offers, _, err := parseExtensions(r.Header.Get("Sec-WebSocket-Extensions"), true)
	if err != nil {
		return "", &refusal{status: http.StatusBadRequest, reason: err.Error()}
	}
	t.mustRefuse = t.c.hello.mustRefuse(offers)
	s := "HTTP/1.1 101 Switching Protocols\r\n" +
		"Server: " + product + "\r\n" +
		"Upgrade: WebSocket\r\n" +
		"Connection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + acceptKey(strings.TrimSpace(r.Header.Get("Sec-WebSocket-Key"))) + "\r\n"
	if answer := t.answer(offers); answer != "" {
		s += "Sec-WebSocket-Extensions: " + answer + "\r\n"
	}
	return t.c.hello.apply(s + "\r\n"), nil
}

// answer accepts one of a client's offers of permessage-deflate, if the case asks for
// that, and returns the header value that says so.
func (t *tester) answer(offers []parameters) string {
	if t.c.deflate == nil || t.c.deflate.given {
		return ""
	}
	p, ok := t.c.deflate.accept(offers)
	if !ok {
		return ""
	}
	t.deflate = newDeflation(p, t.server)
	if t.c.deflate.text != "" {
		return t.c.deflate.text
	}
	return p.answerText()
}
