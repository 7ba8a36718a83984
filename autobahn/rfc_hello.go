package autobahn

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// opening is an opening handshake that is not the usual one: the tester's usual text
// with parts of it replaced.
type opening struct {
	edits   []edit
	newline string // instead of CRLF
	until   string // the text ends before this, and nothing follows
	after   string // written together with the text
	chop    bool   // one octet at a time
	wait    time.Duration

	// For servers: the statuses that may come. With 101 among them, that one is
	// followed by the steps of the case; otherwise the case is over. A status of zero
	// is the end of TCP without a response.
	statuses []int
	needs    []need
	absent   []string // header fields that a response of status 101 may not have
	ends     bool     // TCP has to end with a refusal, and nothing may follow it

	// For clients: the response is one that they have to refuse, always or unless
	// their offers are such that it is allowed.
	refuse  bool
	allowed func(offers []parameters) bool
}

// edit replaces a part of the handshake's text. Where old is a line's start, it ends
// with the colon and stands for the whole line. "{host}" in new is the value of Host.
type edit struct{ old, new string }

// need is a header line that a refusal with a status has to have. A status of zero is
// any.
type need struct {
	status int
	line   string
}

// apply returns the edited text. An edit that finds nothing is a mistake in a case.
func (h *opening) apply(text string) string {
	if h == nil {
		return text
	}
	_, host, _ := strings.Cut(text, "\r\nHost: ")
	host, _, _ = strings.Cut(host, "\r\n")
	for _, e := range h.edits {
		start := strings.Index(text, e.old)
		if start < 0 {
			panic("websocket: a case edits what is not there: " + e.old)
		}
		end := start + len(e.old)
		if strings.HasSuffix(e.old, ":") {
			end = start + strings.Index(text[start:], "\r\n") + 2
		}
		text = text[:start] + strings.ReplaceAll(e.new, "{host}", host) + text[end:]
	}
	if h.newline != "" {
		text = strings.ReplaceAll(text, "\r\n", h.newline)
	}
	if h.until != "" {
		text, _, _ = strings.Cut(text, h.until)
	}
	return text + h.after
}

// write writes the handshake.
func (h *opening) write(nc io.Writer, text string) error {
	size := len(text)
	if h != nil && h.chop {
		size = 1
	}
	for piece := range slices.Chunk([]byte(text), max(size, 1)) {
		if _, err := nc.Write(piece); err != nil {
			return err
		}
	}
	return nil
}

// settle gives the case its verdict before any frame.
func (t *tester) settle(ok bool, result string) {
	t.settled = true
	t.Behavior, t.BehaviorClose = Failed, Failed
	if ok {
		t.Behavior, t.BehaviorClose = OK, OK
	}
	t.Result, t.ResultClose = result, "The case is about the opening handshake."
}

// errSettled ends an opening handshake that has shown what it was to show.
var errSettled = errors.New("the case is over with the opening handshake")

// patience returns how long the opening handshake may take.
func (h *opening) patience() time.Duration {
	if h == nil || h.wait == 0 {
		return openTimeout
	}
	return h.wait
}

// mustRefuse reports whether a client may not take the response.
func (h *opening) mustRefuse(offers []parameters) bool {
	return h != nil && (h.refuse || h.allowed != nil && !h.allowed(offers))
}

// judgeResponse judges a server's response to a request of a case's own. It returns
// nil if the case goes on.
func (t *tester) judgeResponse(nc net.Conn, head, rest []byte, err error) error {
	h := t.c.hello
	if err != nil && len(head) == 0 {
		var late net.Error
		ok := slices.Contains(h.statuses, 0) && !(errors.As(err, &late) && late.Timeout())
		t.settle(ok, "No response came: "+err.Error())
		return errSettled
	}
	r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(head)), nil)
	if err != nil {
		t.settle(false, "The response cannot be read: "+err.Error())
		return errSettled
	}
	wrong := h.wrong(r)
	if r.StatusCode == http.StatusSwitchingProtocols && wrong == "" {
		return nil
	}
	if wrong == "" && h.ends {
		wrong = wrongEnd(nc, r, rest)
	}
	if wrong == "" {
		t.settle(true, fmt.Sprintf("The request was refused with status %d.", r.StatusCode))
	} else {
		t.settle(false, wrong)
	}
	return errSettled
}

// wrong says what is wrong with the head of a response; empty: nothing.
func (h *opening) wrong(r *http.Response) string {
	if !slices.Contains(h.statuses, r.StatusCode) {
		return fmt.Sprintf("The status is %d. These would do: %v.", r.StatusCode, h.statuses)
	}
	if r.StatusCode == http.StatusSwitchingProtocols {
		for _, name := range h.absent {
			if r.Header.Values(name) != nil {
				return "The response has the header field " + name + "."
			}
		}
		return ""
	}
	for _, n := range h.needs {
		name, value, _ := strings.Cut(n.line, ": ")
		if (n.status == 0 || n.status == r.StatusCode) && !hasToken(r.Header.Values(name), value) {
			return fmt.Sprintf("The response has status %d and no header line %q.", r.StatusCode, n.line)
		}
	}
	return ""
}

// wrongEnd reads on after the head of a refusal: its body, if it has one, and then the
// end of TCP have to come, and no frame (RFC 6455 section 7.2.2).
func wrongEnd(nc net.Conn, r *http.Response, rest []byte) string {
	body, err := io.ReadAll(io.LimitReader(io.MultiReader(bytes.NewReader(rest), nc), maxHead))
	var late net.Error
	switch {
	case errors.As(err, &late) && late.Timeout():
		return "The request was refused, and TCP was left open."
	case r.ContentLength >= 0 && int64(len(body)) != r.ContentLength:
		return fmt.Sprintf("The request was refused, and %d octets follow the head, which announces %d.", len(body), r.ContentLength)
	}
	return ""
}

// awaitEarly notes whether a client sends anything before it has the response, while
// the tester takes its time with it if the case says so. Early has what came with the
// request.
func (t *tester) awaitEarly(nc net.Conn, early []byte) {
	t.early = len(early) > 0
	if t.c.hello.wait == 0 || t.early {
		return
	}
	nc.SetReadDeadline(time.Now().Add(t.c.hello.wait))
	n, _ := nc.Read(make([]byte, 1))
	t.early = n > 0
	nc.SetDeadline(time.Now().Add(t.allow(openTimeout)))
}

// judgeRefusal watches a client that was sent a response that it has to refuse: it
// may close TCP, and send nothing (RFC 6455 sections 4.1 and 7.1.7).
func (t *tester) judgeRefusal(nc net.Conn) {
	nc.SetDeadline(time.Now().Add(t.allow(openTimeout)))
	b := make([]byte, 1<<10)
	n, err := nc.Read(b)
	var late net.Error
	switch {
	case n > 0:
		t.settle(false, "The client took the response, and sent "+hexPreview(b[:n])+".")
	case errors.As(err, &late) && late.Timeout():
		t.settle(false, "The client neither took the response nor closed TCP.")
	default:
		t.settle(true, "The client closed TCP.")
	}
	t.out.abort()
	t.rec.ended = time.Now()
}
