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
	edits []edit
	after string // written together with the text
	chop  bool   // one octet at a time

	// For servers: the statuses that may come. With 101 among them, that one is
	// followed by the steps of the case; otherwise the case is over. A refusal has to
	// have each of the header lines in needs; a status of zero is the end of TCP
	// without a response.
	statuses []int
	needs    []string

	// For clients: the response is one that they have to refuse.
	refuse bool
}

// edit replaces a part of the handshake's text. Where old is a line's start, it ends
// with the colon and stands for the whole line.
type edit struct{ old, new string }

// apply returns the edited text. An edit that finds nothing is a mistake in a case.
func (h *opening) apply(text string) string {
	if h == nil {
		return text
	}
	for _, e := range h.edits {
		start := strings.Index(text, e.old)
		if start < 0 {
			panic("websocket: a case edits what is not there: " + e.old)
		}
		end := start + len(e.old)
		if strings.HasSuffix(e.old, ":") {
			end = start + strings.Index(text[start:], "\r\n") + 2
		}
		text = text[:start] + e.new + text[end:]
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

// judgeResponse judges a server's response to a request of a case's own. It returns
// nil if the case goes on.
func (t *tester) judgeResponse(head []byte, err error) error {
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
	if !slices.Contains(h.statuses, r.StatusCode) {
		t.settle(false, fmt.Sprintf("The status is %d. These would do: %v.", r.StatusCode, h.statuses))
		return errSettled
	}
	if r.StatusCode == http.StatusSwitchingProtocols {
		return nil
	}
	for _, line := range h.needs {
		name, value, _ := strings.Cut(line, ": ")
		if !hasToken(r.Header.Values(name), value) {
			t.settle(false, fmt.Sprintf("The response has status %d and no header line %q.", r.StatusCode, line))
			return errSettled
		}
	}
	t.settle(true, fmt.Sprintf("The request was refused with status %d.", r.StatusCode))
	return errSettled
}

// judgeRefusal watches a client that was sent a response that it has to refuse: it
// may close TCP, and send nothing (RFC 6455 sections 4.1 and 7.1.7).
func (t *tester) judgeRefusal(nc net.Conn) {
	nc.SetDeadline(time.Now().Add(openTimeout))
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
