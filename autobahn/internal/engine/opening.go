package engine

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

// Opening is an opening handshake that is not the usual one: the tester's usual text with
// parts of it replaced. A nil Opening is the usual one.
type Opening struct {
	Edits   []Replacement
	Newline string        // ends lines in place of CRLF
	Until   string        // the text ends before this, and nothing follows
	After   string        // written together with the text
	Chop    bool          // the text goes out one octet at a time
	Wait    time.Duration // to a server: how long the handshake may take; to a client: how late the response is

	// For servers: the statuses that may come. After a 101 that is among them the steps of
	// the case follow. After any other the case is over. A status of zero is the end of TCP
	// without a response.
	Statuses []int
	Needs    []Need
	Absent   []string // header fields that a response of status 101 may not have
	Ends     bool     // TCP has to end with a refusal, and nothing may follow it

	// For clients: they have to refuse the response, always, or if Allowed is there and
	// reports that their offers do not allow it.
	Refuse  bool
	Allowed func(offers []Parameters) bool
}

// Replacement replaces a part of the handshake's text. If Old ends with a colon, it stands
// for the rest of the line too. "{host}" in New is the value of Host.
type Replacement struct{ Old, New string }

// Need is a header line that a refusal has to have if it has that status. Zero is any
// status.
type Need struct {
	Status int
	Line   string
}

// apply returns the text with the edits made. It panics if one finds nothing: then the case
// is wrong.
func (h *Opening) apply(text string) string {
	if h == nil {
		return text
	}
	_, host, _ := strings.Cut(text, "\r\nHost: ")
	host, _, _ = strings.Cut(host, "\r\n")
	for _, e := range h.Edits {
		start := strings.Index(text, e.Old)
		if start < 0 {
			panic("websocket: a case edits what is not there: " + e.Old)
		}
		end := start + len(e.Old)
		if strings.HasSuffix(e.Old, ":") {
			end = start + strings.Index(text[start:], "\r\n") + 2
		}
		text = text[:start] + strings.ReplaceAll(e.New, "{host}", host) + text[end:]
	}
	if h.Newline != "" {
		text = strings.ReplaceAll(text, "\r\n", h.Newline)
	}
	if h.Until != "" {
		text, _, _ = strings.Cut(text, h.Until)
	}
	return text + h.After
}

// Write writes a handshake's text: at once, or one octet at a time if the case says so.
func (h *Opening) Write(nc io.Writer, text string) error {
	size := len(text)
	if h != nil && h.Chop {
		size = 1
	}
	for piece := range slices.Chunk([]byte(text), max(size, 1)) {
		if _, err := nc.Write(piece); err != nil {
			return err
		}
	}
	return nil
}

// Settle gives the case its verdict in the opening handshake, before any frame: OK or FAILED.
func (t *Tester) Settle(ok bool, result string) {
	t.settled = true
	t.Behavior, t.BehaviorClose = Failed, Failed
	if ok {
		t.Behavior, t.BehaviorClose = OK, OK
	}
	t.Result, t.ResultClose = result, "The case is about the opening handshake."
}

// errSettled is the error of [Tester.OpenClient] if the case ends with the response. The
// verdict stands then.
var errSettled = errors.New("the case is over with the opening handshake")

// patience returns how long the opening handshake may take.
func (h *Opening) patience() time.Duration {
	if h == nil || h.Wait == 0 {
		return OpenTimeout
	}
	return h.Wait
}

// mustRefuse reports whether a client may not take the response.
func (h *Opening) mustRefuse(offers []Parameters) bool {
	return h != nil && (h.Refuse || h.Allowed != nil && !h.Allowed(offers))
}

// judgeResponse judges a server's response to a request of a case's own. It returns nil if
// the case goes on, and errSettled if it is over.
func (t *Tester) judgeResponse(nc net.Conn, head, rest []byte, err error) error {
	h := t.Script.Hello
	if err != nil && len(head) == 0 {
		var late net.Error
		ok := slices.Contains(h.Statuses, 0) && !(errors.As(err, &late) && late.Timeout())
		t.Settle(ok, "No response came: "+err.Error())
		return errSettled
	}
	r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(head)), nil)
	if err != nil {
		t.Settle(false, "The response cannot be read: "+err.Error())
		return errSettled
	}
	wrong := h.wrong(r)
	if r.StatusCode == http.StatusSwitchingProtocols && wrong == "" {
		return nil
	}
	if wrong == "" && h.Ends {
		wrong = wrongEnd(nc, r, rest)
	}
	if wrong == "" {
		t.Settle(true, fmt.Sprintf("The request was refused with status %d.", r.StatusCode))
	} else {
		t.Settle(false, wrong)
	}
	return errSettled
}

// wrong says what is wrong with the head of a response; empty: nothing.
func (h *Opening) wrong(r *http.Response) string {
	if !slices.Contains(h.Statuses, r.StatusCode) {
		return fmt.Sprintf("The status is %d. These would do: %v.", r.StatusCode, h.Statuses)
	}
	if r.StatusCode == http.StatusSwitchingProtocols {
		for _, name := range h.Absent {
			if r.Header.Values(name) != nil {
				return "The response has the header field " + name + "."
			}
		}
		return ""
	}
	for _, n := range h.Needs {
		name, value, _ := strings.Cut(n.Line, ": ")
		if (n.Status == 0 || n.Status == r.StatusCode) && !HasToken(r.Header.Values(name), value) {
			return fmt.Sprintf("The response has status %d and no header line %q.", r.StatusCode, n.Line)
		}
	}
	return ""
}

// wrongEnd reads what follows the head of a refusal, and says what is wrong with it; empty:
// nothing. The body has to come, if there is one, and then the end of TCP, but no frame
// (RFC 6455 section 7.2.2).
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

// AwaitEarly notes whether a client sends anything before it has the response. It waits as
// long as the case says. Early has what came together with the request.
func (t *Tester) AwaitEarly(nc net.Conn, early []byte) {
	t.Early = len(early) > 0
	if t.Script.Hello.Wait == 0 || t.Early {
		return
	}
	nc.SetReadDeadline(time.Now().Add(t.Script.Hello.Wait))
	n, _ := nc.Read(make([]byte, 1))
	t.Early = n > 0
	nc.SetDeadline(time.Now().Add(t.Allow(OpenTimeout)))
}

// JudgeRefusal judges a client that has been sent a response that it has to refuse: it has
// to close TCP and may send nothing (RFC 6455 sections 4.1 and 7.1.7).
func (t *Tester) JudgeRefusal(nc net.Conn) {
	nc.SetDeadline(time.Now().Add(t.Allow(OpenTimeout)))
	b := make([]byte, 1<<10)
	n, err := nc.Read(b)
	var late net.Error
	switch {
	case n > 0:
		t.Settle(false, "The client took the response, and sent "+hexPreview(b[:n])+".")
	case errors.As(err, &late) && late.Timeout():
		t.Settle(false, "The client neither took the response nor closed TCP.")
	default:
		t.Settle(true, "The client closed TCP.")
	}
	t.out.abort()
	t.Rec.ended = time.Now()
}
