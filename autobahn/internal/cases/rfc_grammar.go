package cases

import (
	"strings"
	"time"

	"github.com/rfc6455/ws/frame"
)

// grammarCases are about the ways in which a request can be written down (RFC 9110
// section 5, RFC 9112).
func grammarCases() []*script {
	header := func(name, value string) replacement { return edit(name+":", name+":"+value+"\r\n") }
	either := []int{101, 400}
	feeds := request("HT-9112-12", "A request whose lines end with LF alone.", either)
	feeds.Hello.Newline = "\n"
	expects := request("HT-9110-15", "A request with Expect: 100-continue.", []int{101, 400, 417}, add("Expect: 100-continue"))
	expects.Expectation = "100 comes and then 101, or a refusal."
	noPath := []int{400, 404} // a router may answer what a parser let through
	usual := request("HT-9110-20", "The usual request.", opened)
	usual.Expectation = "The response has nothing to say about a body, and no key."
	usual.Hello.Absent = []string{"Content-Length", "Transfer-Encoding", "Sec-WebSocket-Key"}
	nothing := request("HS-4.2-25", "A request that offers neither subprotocols nor extensions.", opened)
	nothing.Hello.Absent = []string{"Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"}
	feeds.Expectation = "The connection opens, or the request is refused; the server does not wait for more."
	return []*script{
		usual, nothing, feeds, expects,
		request("HT-5.6-03", "Connection is a list with empty elements.", opened, header("Connection", " , keep-alive ,, UPGRADE,")),
		request("HT-5.6-04", "A subprotocol is two words.", bad, add("Sec-WebSocket-Protocol: a b")),
		request("HT-5.6-05", "permessage-deflate is offered within quotes, and so is not.", either,
			add(`Sec-WebSocket-Extensions: foo; a="b, permessage-deflate"`)),
		request("HT-9112-09", "The target is in absolute form.", opened, edit("GET /", "GET http://{host}/")),
		request("HT-9112-11", "Connection is folded over two lines.", either, header("Connection", " keep-alive,\r\n Upgrade")),
		request("HT-9112-12", "Two empty lines come before the request.", either, edit("GET ", "\r\n\r\nGET ")),
		request("HT-9112-12", "A header value has a CR in it.", either, add("X-A: b\rc")),
		request("HT-9110-21", "A header value has a NUL in it.", either, add("X-A: b\x00c")),
		request("HS-4.2-10", "A request without Origin.", opened),
		request("HS-4.2-13", "The target is \"*\".", noPath, edit("GET /", "GET *")),
		request("HS-4.2-13", "The target is no path.", noPath, edit("GET /", "GET chat")),
		request("HS-4.2-13", "The target has a fragment.", noPath, edit(" HTTP/1.1", "#f HTTP/1.1")),
		request("U8-8.1-10", "A header value that means nothing is not UTF-8.", opened, add("X-A: \xff\xc0")),
		request("EX-9.1-01", "The extensions header uses all of the grammar.", opened,
			add(`Sec-WebSocket-Extensions: foo; bar="x"; baz, qux;a=1 ;b`)),
		request("EX-9.1-05", "A quoted parameter is no token.", either,
			add(`Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits="1 0"`)),
		request("EX-9.1-10", "10000 extensions are offered.", []int{101, 400, 431}, add("Sec-WebSocket-Extensions: "+strings.Repeat("foo,", 9999)+"foo")),
	}
}

// refusalCases look at what comes after the head of a refusal.
func refusalCases() []*script {
	var cases []*script
	for _, row := range []string{"HS-4.2-29", "HS-4.2-30"} {
		c := request(row, "A request with a key that is too short.", bad, edit("Sec-WebSocket-Key:", "Sec-WebSocket-Key: AAAA\r\n"))
		c.Expectation = "The status is 400. The body is as long as it is said to be, no frame follows it, and TCP ends."
		c.Hello.Ends = true
		if row == "HS-4.2-30" {
			c.Description = "A request with a key that is too short, and a frame after it."
			c.Hello.After = "\x81\x82\x00\x00\x00\x00hi"
			c.Hello.Statuses = []int{400, 0}
		}
		cases = append(cases, c)
	}
	return cases
}

// How long the tester waits in the cases about time limits.
const (
	longPatience = 15 * second // for the testee to close TCP
	idleTime     = 11 * second // while the testee may not close TCP
)

// slowCases are requests that do not end, and a connection on which nothing happens.
func slowCases() []*script {
	slow := func(description, until string) *script {
		c := request("HS-4.2-15", description, []int{400, 408, 0})
		c.Expectation = "The server closes TCP within 15 seconds."
		c.Hello.Until, c.Hello.Wait = until, longPatience
		return c
	}
	endless := slow("A request whose header lines go on for 4 MiB.", "Sec-WebSocket-Version")
	endless.Expectation = "The server refuses the request, or closes TCP."
	endless.Hello.Statuses = []int{400, 413, 431, 0}
	endless.Hello.After = strings.Repeat("X-More: of the same\r\n", 4*mib/21)
	idle := conversation("HS-4.2-31", "Do nothing for eleven seconds, and send a message.", []event{textMessage("hi")})
	idle.Expectation = "The message comes back: time limits of the opening handshake are over with it."
	idle.Steps = []step{later{Wait: time.Duration(idleTime), Steps: []step{send{Op: frame.Text, Payload: "hi"}, closeAfter(patient)}}}
	return []*script{slow("No request at all.", "GET "), slow("A request that ends in the middle.", "Upgrade:"), endless, idle}
}
