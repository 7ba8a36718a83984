package autobahn

import (
	"strings"

	"github.com/rfc6455/ws/frame"
)

// response is a case with a response of its own.
func response(row, description string, refuse bool, edits ...edit) *Case {
	c := &Case{
		ID: row, Description: description, Expectation: "The client opens the connection, and a message comes back.",
		hello: &opening{edits: edits, refuse: refuse},
		steps: []step{send{op: frame.Text, payload: "hi"}, closeAfter(patient)},
		ok:    []event{textMessage("hi")},
	}
	if refuse {
		c.Expectation = "The client closes TCP and sends nothing."
	}
	return c
}

// responseCases are the opening handshake as clients see it (RFC 6455 section 4.1).
func responseCases() []*Case {
	const take, refuse = false, true
	header := func(name string, lines ...string) edit {
		return edit{name + ":", strings.Join(lines, "\r\n") + "\r\n"}
	}
	more := func(lines ...string) edit { // header lines beside the others
		return edit{"Connection:", "Connection: Upgrade\r\n" + strings.Join(lines, "\r\n") + "\r\n"}
	}
	status := func(line string) edit { return edit{"HTTP/1.1 101 Switching Protocols", line} }
	together := response("HC-4.1-30", "The response and a frame in one write.", take)
	together.hello.after = "\x81\x02hi"
	together.steps = []step{closeAfter(patient)}
	chopped := response("HC-4.1-31", "The response comes one octet at a time.", take)
	chopped.hello.chop = true
	return []*Case{
		response("HC-4.1-21", "The usual response.", take), together, chopped,
		response("HC-4.1-20", "The status is 200.", refuse, status("HTTP/1.1 200 OK")),
		response("HC-4.1-20", "The status is 403.", refuse, status("HTTP/1.1 403 Forbidden")),
		response("HC-4.1-29", "The response is of HTTP/1.0.", refuse, status("HTTP/1.0 101 Switching Protocols")),
		response("HC-4.1-29", "The reason phrase is empty.", take, status("HTTP/1.1 101 ")),
		response("HT-9110-19", "An early response, 103, comes first.", take,
			status("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 101 Switching Protocols")),
		response("HC-4.1-21", "Upgrade is \"WEBSOCKET\".", take, header("Upgrade", "Upgrade: WEBSOCKET")),
		response("HC-4.1-21", "There is no Upgrade.", refuse, edit{"Upgrade:", ""}),
		response("HC-4.1-21", "Upgrade is \"websocketx\".", refuse, header("Upgrade", "Upgrade: websocketx")),
		response("HC-4.1-22", "Connection is \"keep-alive, upgrade\".", take, header("Connection", "Connection: keep-alive, upgrade")),
		response("HC-4.1-22", "There is no Connection.", refuse, edit{"Connection:", ""}),
		response("HC-4.1-22", "Connection is \"keep-alive\".", refuse, header("Connection", "Connection: keep-alive")),
		response("HC-4.1-23", "There is no Sec-WebSocket-Accept.", refuse, edit{"Sec-WebSocket-Accept:", ""}),
		response("HC-4.1-23", "Sec-WebSocket-Accept is for another key.", refuse, header("Sec-WebSocket-Accept", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")),
		response("HC-4.1-24", "Sec-WebSocket-Accept is there twice.", refuse, more("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")),
		response("HC-4.1-25", "An extension was chosen that nobody offers.", refuse, more("Sec-WebSocket-Extensions: x-not-offered")),
		response("HC-4.1-26", "A subprotocol was chosen that was not offered.", refuse, more("Sec-WebSocket-Protocol: x-not-offered")),
		response("HC-4.1-27", "The subprotocol is empty.", refuse, more("Sec-WebSocket-Protocol:")),
		response("PD-5.1-22", "permessage-deflate was chosen twice.", refuse, more("Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate")),
		response("PD-7-02", "permessage-deflate has an unknown parameter.", refuse, more("Sec-WebSocket-Extensions: permessage-deflate; foo")),
		response("PD-7-02", "permessage-deflate has a parameter twice.", refuse,
			more("Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; server_no_context_takeover")),
		response("PD-7-02", "permessage-deflate has a window of 16 bits.", refuse, more("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=16")),
		response("PD-7-02", "permessage-deflate has client_max_window_bits without a value.", refuse,
			more("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")),
	}
}
