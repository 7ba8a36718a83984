package cases

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/rfc6455/ws/autobahn/internal/engine"
	"github.com/rfc6455/ws/frame"
)

// ownRequestCases look at the request that a client sends by itself (RFC 6455 section
// 4.1).
func ownRequestCases() []*script {
	early := inspect("HC-4.1-13", "Wait a while before the response.", "The client sends nothing before it has the response.",
		func(t *tester, _ *http.Request) string {
			if t.Early {
				return "Something came before the response."
			}
			return ""
		})
	early.Hello.Wait = second / 2
	return []*script{
		early,
		inspect("HC-4.1-05", "Look at the request.", "It begins with a line GET, target and HTTP/1.1, and all lines end with CRLF.", wrongRequestLine),
		inspect("HC-4.1-06", "Look at the request.", "There is one Host, without user information.", wrongHost),
		inspect("HC-4.1-07", "Look at the request.", "Upgrade has websocket, and Connection upgrade.", wrongUpgrade),
		inspect("HC-4.1-08", "Look at the request.", "The key is the base64 form of 16 octets, and new.", wrongKey),
		inspect("HC-4.1-10", "Look at the request.", "The version is 13, once.", wrongVersion),
		inspect("HC-4.1-11", "Look at the request.", "Subprotocols, if there are any, are tokens and different.", wrongProtocols),
		inspect("HC-4.1-14", "Look at the request.", "There is one key, one version, and nothing that belongs into responses.", wrongCounts),
	}
}

// inspect is a case about a client's request. Wrong says what is wrong with the request;
// empty: nothing.
func inspect(row, description, expectation string, wrong func(t *tester, r *http.Request) string) *script {
	c := conversation(row, description, []event{textMessage("hi")}, send{Op: frame.Text, Payload: "hi"})
	c.Expectation, c.Hello = expectation, new(opening)
	c.Judge = func(t *tester) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(t.Rec.HTTPRequest)))
		var reason string
		if err != nil {
			reason = err.Error()
		} else {
			reason = wrong(t, r)
		}
		if reason != "" {
			t.Behavior, t.Result = engine.Failed, reason
		}
	}
	return c
}

func wrongRequestLine(t *tester, r *http.Request) string {
	line, rest, _ := strings.Cut(t.Rec.HTTPRequest, "\r\n")
	switch {
	case line != "GET "+r.RequestURI+" HTTP/1.1" || !strings.HasPrefix(r.RequestURI, "/"):
		return fmt.Sprintf("The request line is %q.", line)
	case strings.Count(rest, "\n") != strings.Count(rest, "\r\n"):
		return "A line does not end with CRLF."
	}
	return ""
}

func wrongHost(t *tester, r *http.Request) string {
	if n := strings.Count(strings.ToLower(t.Rec.HTTPRequest), "\r\nhost:"); n != 1 || r.Host == "" || strings.Contains(r.Host, "@") {
		return fmt.Sprintf("There are %d lines of Host; the value is %q.", n, r.Host)
	}
	return ""
}

func wrongUpgrade(_ *tester, r *http.Request) string {
	if !engine.HasToken(r.Header["Upgrade"], "websocket") || !engine.HasToken(r.Header["Connection"], "upgrade") {
		return fmt.Sprintf("Upgrade is %q, Connection %q.", r.Header["Upgrade"], r.Header["Connection"])
	}
	return ""
}

func wrongKey(t *tester, r *http.Request) string {
	key := r.Header.Get("Sec-WebSocket-Key")
	b, err := base64.StdEncoding.Strict().DecodeString(key)
	switch {
	case err != nil || len(b) != 16:
		return fmt.Sprintf("The key is %q.", key)
	case t.KeyAgain:
		return "The key has been used before."
	}
	return ""
}

func wrongVersion(_ *tester, r *http.Request) string {
	if v := r.Header["Sec-Websocket-Version"]; !slices.Equal(v, []string{"13"}) {
		return fmt.Sprintf("The version is %q.", v)
	}
	return ""
}

func wrongProtocols(_ *tester, r *http.Request) string {
	var seen []string
	for _, line := range r.Header["Sec-Websocket-Protocol"] {
		for p := range strings.SplitSeq(line, ",") {
			p = strings.TrimSpace(p)
			if p == "" || strings.ContainsAny(p, "()<>@;:\\\"/[]?={} \t") || slices.Contains(seen, p) {
				return fmt.Sprintf("The subprotocols are %q.", r.Header["Sec-Websocket-Protocol"])
			}
			seen = append(seen, p)
		}
	}
	return ""
}

func wrongCounts(_ *tester, r *http.Request) string {
	h := r.Header
	if len(h["Sec-Websocket-Key"]) != 1 || len(h["Sec-Websocket-Version"]) != 1 || h["Sec-Websocket-Accept"] != nil || len(h["Origin"]) > 1 {
		return "A field is there more or less often than it may be."
	}
	return ""
}
