package cases

import (
	"strings"

	"github.com/rfc6455/ws/autobahn/internal/engine"
	"github.com/rfc6455/ws/frame"
)

// either is a case with a response that a client may take or refuse. It may not hang.
func either(row, description string, edits ...replacement) *script {
	c := response(row, description, false, edits...)
	c.Expectation = "The client opens the connection, and a message comes back, or it closes TCP."
	c.Judge = func(t *tester) {
		if t.Rec.Traffic.IncomingOctetsWireLevel == 0 && !t.Rec.DroppedByMe {
			t.Settle(true, "The client closed TCP.")
		}
	}
	return c
}

// responseGrammarCases are about the ways in which a response can be written down (RFC
// 9110 section 5, RFC 9112).
func responseGrammarCases() []*script {
	const take, refuse = false, true
	header := func(name, value string) replacement { return edit(name+":", name+":"+value+"\r\n") }
	more := func(lines ...string) replacement {
		return edit("Connection:", "Connection: Upgrade\r\n"+strings.Join(lines, "\r\n")+"\r\n")
	}
	feeds := either("HT-9112-12", "The lines of the response end with LF alone.")
	feeds.Hello.Newline = "\n"
	return []*script{
		feeds,
		response("HT-5.1-01", "The header names are in odd cases.", take,
			edit("Upgrade:", "uPGRADE: websocket\r\n"), edit("Sec-WebSocket-Accept", "sEC-wEBsOCKET-aCCEPT")),
		response("HT-5.3-02", "Connection is split over two lines.", take, edit("Connection:", "Connection: keep-alive\r\nConnection: Upgrade\r\n")),
		response("HT-5.6-03", "Connection is a list with empty elements.", take, header("Connection", " , keep-alive ,, UPGRADE,")),
		response("HT-5.6-06", "There are tabs around values.", take, header("Upgrade", "\t websocket \t"), header("Connection", "\tUpgrade\t")),
		response("HT-5.6-04", "An extension is two words.", refuse, more("Sec-WebSocket-Extensions: permessage deflate")),
		response("HT-5.6-05", "permessage-deflate is there within quotes.", refuse, more(`Sec-WebSocket-Extensions: x-foo; a="b, permessage-deflate"`)),
		either("HT-9110-21", "A header value has a NUL in it.", more("X-A: b\x00c")),
		response("U8-8.1-10", "A header value that means nothing is not UTF-8.", take, more("X-A: \xff\xc0")),
		response("HC-7.2-34", "The status is 400.", refuse, edit("HTTP/1.1 101 Switching Protocols", "HTTP/1.1 400 Bad Request"), more("Content-Length: 0")),
		response("EX-9.1-01", "Extensions were chosen that nobody offers.", refuse, more(`Sec-WebSocket-Extensions: foo; bar="x"; baz, qux`)),
		response("PD-7-25", "An extension of old was chosen.", refuse, more("Sec-WebSocket-Extensions: x-webkit-deflate-frame")),
		response("EX-9.1-02", "permessage-deflate was chosen twice, on two lines.", refuse,
			more("Sec-WebSocket-Extensions: permessage-deflate", "Sec-WebSocket-Extensions: permessage-deflate")),
		response("EX-9.1-05", "A quoted parameter is no token.", refuse,
			more(`Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits="1 0"`)),
		response("EX-9.1-06", "A parameter has no name.", refuse, more("Sec-WebSocket-Extensions: permessage-deflate; =1")),
		response("EX-9.1-06", "A quote does not end.", refuse, more("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=\"10")),
		response("EX-9.1-10", "10000 extensions were chosen.", refuse, more("Sec-WebSocket-Extensions: "+strings.Repeat("foo,", 9999)+"foo")),
		response("PD-7.1.1-03", "server_no_context_takeover has a value.", refuse,
			more("Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover=1")),
		response("HC-4.1-27", "Subprotocols are a list.", refuse, more("Sec-WebSocket-Protocol: x-not-offered, x-nor-this")),
		response("HC-4.1-31", "The header lines go on for 4 MiB.", refuse, more(strings.Repeat("X-More: of the same\r\n", 4*mib/21)+"X-A: 1")),
	}
}

// answerCases are about what a client does when the server has chosen among its offers of
// permessage-deflate (RFC 7692 section 7.1). For a client that makes no offer they are
// UNIMPLEMENTED.
func answerCases() []*script {
	payload := string(dataSets[0].slice(0, 500))
	answer := func(row, description string, rule deflateRule) *script {
		c := conversation(row, description, []event{textMessage(payload), textMessage(payload)})
		c.Deflate = &rule
		c.Expectation = "The client opens the connection, and the messages come back, compressed as agreed."
		c.Steps = []step{compressed{say{Payload: payload}, say{Payload: payload}, closeAfter(patient)}}
		return c
	}
	plain := response("EX-9.1-07", "No extension is accepted. A message is sent, and the header of another with RSV1.", false)
	plain.Expectation = "The message comes back without RSV1. The connection is failed with 1002 for the other."
	plain.Steps = []step{send{Op: frame.Text, Payload: "hi"}, send{Op: frame.Text, Payload: "x", RSV: frame.RSV1}, killAfter(reaction)}
	plain.Close = protocolError
	const pd = "permessage-deflate"
	cases := []*script{
		plain,
		answer("PD-7.1.1-05", "The server says unasked that it keeps no window.", deflateRule{Demands: []parameters{{ServerNoTakeover: true}}}),
		answer("PD-7.1.1-08", "The client is not to keep a window.", deflateRule{Demands: []parameters{{ClientNoTakeover: true}}}),
		answer("PD-7.1-20", "Neither side is to keep a window.", deflateRule{Demands: []parameters{{ClientNoTakeover: true, ServerNoTakeover: true}}}),
		answer("PD-7.1.2-12", "The server says unasked that its window has 9 bits.", deflateRule{Demands: []parameters{{ServerBits: 9}}}),
		answer("PD-7.1.2-18", "The answer does not bound the client's window, which holds what it offered.", deflateRule{Demands: []parameters{{}}, Promise: true, Text: pd}),
		answer("EX-9.1-05", "A number is quoted.", deflateRule{Demands: []parameters{{ServerBits: 10}}, Text: pd + `; server_max_window_bits="1\0"`}),
		answer("HT-5.6-07", "There is space around an equals sign.", deflateRule{Demands: []parameters{{ServerBits: 10}}, Text: pd + "; server_max_window_bits = 10"}),
		unoffered(),
	}
	for _, bits := range []int{8, 9, 10, 14} {
		cases = append(cases, windowCase("PD-7.1.2-17", bits))
	}
	return cases
}

// unoffered has the server bound the client's window. Only a client that has offered that may
// take the response (RFC 7692 section 7.1.2.2).
func unoffered() *script {
	c := response("PD-7.1.2-16", "The client's window is bound to 10 bits, whether or not it offered that.", false,
		edit("Connection:", "Connection: Upgrade\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=10\r\n"))
	c.Expectation = "The client closes TCP if none of its offers has client_max_window_bits; else it opens the connection, and a message comes back."
	bound := &deflateRule{Demands: []parameters{{ClientBits: 10}}}
	c.Hello.Allowed = func(offers []parameters) bool {
		_, ok := bound.Accept(offers)
		return ok
	}
	c.Steps = []step{doing(func(t *tester) { t.Deflate = engine.NewDeflation(parameters{ClientBits: 10}, true) }), say{Payload: "hi"}, closeAfter(patient)}
	return c
}
