package cases

import (
	"fmt"
	"strings"

	"github.com/rfc6455/ws/frame"
)

// response is a case with a response of its own, which a client has to refuse or to take.
func response(row, description string, refuse bool, edits ...replacement) *script {
	c := &script{
		ID: row, Description: description, Expectation: "The client opens the connection, and a message comes back.",
		Hello: &opening{Edits: edits, Refuse: refuse},
		Steps: []step{send{Op: frame.Text, Payload: "hi"}, closeAfter(patient)},
		OK:    []event{textMessage("hi")},
	}
	if refuse {
		c.Expectation = "The client closes TCP and sends nothing."
	}
	return c
}

// responseCases are the opening handshake as clients see it (RFC 6455 section 4.1).
func responseCases() []*script {
	const take, refuse = false, true
	header := func(name string, lines ...string) replacement {
		return edit(name+":", strings.Join(lines, "\r\n")+"\r\n")
	}
	more := func(lines ...string) replacement { // header lines beside the others
		return edit("Connection:", "Connection: Upgrade\r\n"+strings.Join(lines, "\r\n")+"\r\n")
	}
	together := response("HC-4.1-30", "The response and a frame in one write.", take)
	together.Hello.After = "\x81\x02hi"
	together.Steps = []step{closeAfter(patient)}
	chopped := response("HC-4.1-31", "The response comes one octet at a time.", take)
	chopped.Hello.Chop = true
	return []*script{
		response("HC-4.1-21", "The usual response.", take), together, chopped,
		response("HC-4.1-20", "The status is 200.", refuse, status("HTTP/1.1 200 OK"+empty)),
		response("HC-4.1-20", "The status is 403.", refuse, status("HTTP/1.1 403 Forbidden"+empty)),
		response("HT-9110-19", "An early response, 103, comes first.", take,
			status("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 101 Switching Protocols")),
		response("HC-4.1-21", "Upgrade is \"WEBSOCKET\".", take, header("Upgrade", "Upgrade: WEBSOCKET")),
		response("HC-4.1-21", "There is no Upgrade.", refuse, edit("Upgrade:", "")),
		response("HC-4.1-21", "Upgrade is \"websocketx\".", refuse, header("Upgrade", "Upgrade: websocketx")),
		response("HC-4.1-22", "Connection is \"keep-alive, upgrade\".", take, header("Connection", "Connection: keep-alive, upgrade")),
		response("HC-4.1-22", "There is no Connection.", refuse, edit("Connection:", "")),
		response("HC-4.1-22", "Connection is \"keep-alive\".", refuse, header("Connection", "Connection: keep-alive")),
		response("HC-4.1-23", "There is no Sec-WebSocket-Accept.", refuse, edit("Sec-WebSocket-Accept:", "")),
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

// status replaces the status line of a response.
func status(line string) replacement { return edit("HTTP/1.1 101 Switching Protocols", line) }

// empty is a header line for responses that are not of status 101. Without it the content of
// such a response lasts until TCP ends, and a client may read on.
const empty = "\r\nContent-Length: 0"

// statusLineCases are about the first line of a response (RFC 9112 section 4).
func statusLineCases() []*script {
	const row, take, refuse = "HC-4.1-29", false, true
	cases := []*script{
		response(row, "The response is of HTTP/1.0.", refuse, status("HTTP/1.0 101 Switching Protocols")),
		response(row, "The reason phrase is empty.", take, status("HTTP/1.1 101 ")),
		either(row, "The response is of HTTP/1.2, which is none.", status("HTTP/1.2 101 Switching Protocols")),
	}
	// Over HTTP/2 and HTTP/3 a response of status 200 opens a WebSocket, without an
	// Accept (RFC 8441 section 5). One in text does not.
	for _, line := range []string{"HTTP/2.0 200 OK", "HTTP/2 200", "HTTP/3.0 200 OK", "HTTP/3 200"} {
		cases = append(cases,
			response(row, fmt.Sprintf("The status line is %q.", line), refuse, status(line+empty)),
			response(row, fmt.Sprintf("The status line is %q, without Upgrade, Connection and Sec-WebSocket-Accept.", line), refuse,
				status(line+empty), edit("Upgrade:", ""), edit("Connection:", ""), edit("Sec-WebSocket-Accept:", "")))
	}
	for _, line := range []string{
		"HTTP/2.0 101 Switching Protocols", "HTTP/2 101", "HTTP/3.0 101 Switching Protocols", "HTTP/0.9 101 Switching Protocols",
		"HTTP/1 101 Switching Protocols", "HTTP/11 101 Switching Protocols", "HTTP/1.10 101 Switching Protocols", "HTTP/01.1 101 Switching Protocols",
		"http/1.1 101 Switching Protocols", "WebSocket/1.1 101 Switching Protocols", "101 Switching Protocols", "HTTP/1.1",
		"HTTP/1.1 0101 Switching Protocols", "HTTP/1.1 1010 Switching Protocols", "HTTP/1.1 +101 Switching Protocols", "HTTP/1.1 10l Switching Protocols",
	} {
		cases = append(cases, response(row, fmt.Sprintf("The status line is %q.", line), refuse, status(line)))
	}
	return cases
}
