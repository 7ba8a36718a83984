package cases

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rfc6455/ws/autobahn/internal/engine"
	"github.com/rfc6455/ws/frame"
)

// request is a case with a request of its own, and the statuses that may answer it. After
// status 101 a message has to come back.
func request(row, description string, statuses []int, edits ...replacement) *script {
	c := &script{
		ID: row, Description: description,
		Expectation: fmt.Sprintf("The status is one of %v.", statuses),
		Hello:       &opening{Edits: edits, Statuses: statuses},
		Steps:       []step{send{Op: frame.Text, Payload: "hi"}, closeAfter(patient)},
		OK:          []event{textMessage("hi")},
	}
	if len(statuses) == 1 && statuses[0] == 101 {
		c.Expectation = "The connection opens, and a message comes back."
	}
	return c
}

// Statuses that may answer a request. For most errors there are several.
var (
	// upgradeRequired is what a refusal with status 426 has to have (RFC 9110 section
	// 15.5.22).
	upgradeRequired = []engine.Need{{Status: 426, Line: "Upgrade: websocket"}, {Status: 426, Line: "Connection: upgrade"}}

	opened   = []int{101}
	badOrOld = []int{400, 426}
	bad      = []int{400}
)

// edit returns what replaces old by new; see [replacement].
func edit(old, new string) replacement { return replacement{Old: old, New: new} }

// add returns a replacement that adds header lines.
func add(lines ...string) replacement {
	return edit("Sec-WebSocket-Version:", "Sec-WebSocket-Version: 13\r\n"+strings.Join(lines, "\r\n")+"\r\n")
}

// requestCases are the opening handshake as servers see it (RFC 6455 section 4.2.1).
func requestCases() []*script {
	cases := requestLineCases()
	cases = append(cases, upgradeCases()...)
	cases = append(cases, keyAndVersionCases()...)
	cases = append(cases, listCases()...)
	cases = append(cases, grammarCases()...)
	cases = append(cases, refusalCases()...)
	cases = append(cases, slowCases()...)
	return append(cases, offerCases()...)
}

// requestLineCases are about the request line, Host, and what else HTTP has to say.
func requestLineCases() []*script {
	line := func(new string) replacement { return edit("HTTP/1.1", new) }
	body := request("HT-9110-18", "A request with a body.", []int{400, 413, 0}, add("Content-Length: 5"))
	body.Hello.After = "hello"
	early := request("HS-4.2-14", "A request with a frame after it in the same write.", []int{101, 400, 0})
	early.Hello.After = "\x81\x82\x00\x00\x00\x00hi"
	early.Steps = []step{closeAfter(patient)}
	chopped := request("HT-9112-12", "A request that comes one octet at a time.", opened)
	chopped.Hello.Chop = true
	method := request("HS-4.2-01", "A POST request.", []int{405, 400}, edit("GET ", "POST "), add("Content-Length: 0"))
	method.Hello.Needs = []engine.Need{{Status: 405, Line: "Allow: GET"}}
	ancient := request("HT-9110-14", "A request of HTTP/1.0.", []int{400, 426, 505, 200}, line("HTTP/1.0"))
	return []*script{
		request("HS-4.2-20", "The usual request.", opened),
		method, ancient, chopped, body, early,
		request("HT-9112-08", "A request without Host.", bad, edit("Host:", "")),
		request("HT-9112-08", "A request with two Host lines.", bad, add("Host: other")),
		request("HT-9112-10", "A request with a space before a colon.", bad, edit("Upgrade:", "Upgrade : websocket\r\n")),
		request("HT-5.1-01", "A request whose header names are in odd cases.", opened,
			edit("Sec-WebSocket-Key", "sEC-wEBSOCKET-kEY"), edit("Upgrade:", "uPGRADE: websocket\r\n")),
		request("HT-5.6-06", "A request with tabs around values.", opened,
			edit("Upgrade:", "Upgrade:\t websocket \t\r\n"), edit("Sec-WebSocket-Version:", "Sec-WebSocket-Version:13\t\r\n")),
		request("HS-4.2-09", "A request with many headers that mean nothing.", opened, add("X-A: 1", "X-B: ,;=\"", "Sec-Fetch-Mode: websocket")),
		request("HT-9112-13", "A request with a header line of 2 MiB.", []int{400, 431, 0}, add("X-Long: "+strings.Repeat("a", 2*mib))),
	}
}

// upgradeCases are about Upgrade and Connection.
func upgradeCases() []*script {
	upgrade := func(lines ...string) replacement {
		return edit("Upgrade:", strings.Join(lines, "\r\n")+"\r\n")
	}
	connection := func(lines ...string) replacement {
		return edit("Connection:", strings.Join(lines, "\r\n")+"\r\n")
	}
	var cases []*script
	for _, v := range []string{"websocket", "WEBSOCKET", "foo, websocket", "foo , WebSocket ,"} {
		cases = append(cases, request("HS-4.2-03", "Upgrade is \""+v+"\".", opened, upgrade("Upgrade: "+v)))
	}
	for _, v := range []string{"websocketx", "foo", "web socket", "websocket/13"} {
		cases = append(cases, request("HS-4.2-03", "Upgrade is \""+v+"\".", badOrOld, upgrade("Upgrade: "+v)))
	}
	for _, v := range []string{"keep-alive, Upgrade", "upgrade"} {
		cases = append(cases, request("HS-4.2-04", "Connection is \""+v+"\".", opened, connection("Connection: "+v)))
	}
	for _, v := range []string{"keep-alive", "upgraded", "up grade"} {
		cases = append(cases, request("HS-4.2-04", "Connection is \""+v+"\".", badOrOld, connection("Connection: "+v)))
	}
	plain := request("HT-9110-16", "A request without Upgrade and Connection.", []int{426, 400, 200, 404},
		edit("Upgrade:", ""), edit("Connection:", ""))
	plain.Hello.Needs = upgradeRequired
	return append(cases, plain,
		request("HT-5.3-02", "Upgrade and Connection are split over lines.", opened,
			upgrade("Upgrade: foo", "Upgrade: websocket"), connection("Connection: keep-alive", "Connection: Upgrade")))
}

// keyAndVersionCases are about Sec-WebSocket-Key and Sec-WebSocket-Version.
func keyAndVersionCases() []*script {
	key := func(lines ...string) replacement {
		return edit("Sec-WebSocket-Key:", strings.Join(lines, "\r\n")+"\r\n")
	}
	var cases []*script
	const good = "dGhlIHNhbXBsZSBub25jZQ=="
	for _, k := range []struct{ what, key string }{
		{"is too short", "AAAA"},
		{"is of 15 octets", "AQIDBAUGBwgJCgsMDQ4P"},
		{"is of 17 octets", "AQIDBAUGBwgJCgsMDQ4PEBE="},
		{"has no padding", "dGhlIHNhbXBsZSBub25jZQ"},
		{"is in the alphabet of URLs", "_-_-_-_-_-_-_-_-_-_-_A=="},
		{"is empty", ""},
		{"has a space in it", "dGhlIHNhbXBsZSBu 25jZQ=="},
	} {
		cases = append(cases, request("HS-4.2-05", "The key "+k.what+".", bad, key("Sec-WebSocket-Key: "+k.key)))
	}
	cases = append(cases,
		request("HS-4.2-05", "There is no key.", bad, edit("Sec-WebSocket-Key:", "")),
		request("HS-4.2-05", "There are two keys.", bad, add("Sec-WebSocket-Key: "+good)),
		request("HS-4.2-06", "The key has bits in its padding, as in the RFC's own example.", opened, key("Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC==")),
	)
	for _, v := range []string{"7", "8", "12", "14", "013", "+13", "13.0", "0x0d", "256", "13, 8", "", "x"} {
		row := "HS-4.3-08" // not a number as the grammar has it
		if n, err := strconv.Atoi(v); err == nil && strconv.Itoa(n) == v && n < 256 {
			row = "HS-4.2-21"
		}
		c := request(row, "The version is \""+v+"\".", badOrOld, edit("Sec-WebSocket-Version:", "Sec-WebSocket-Version: "+v+"\r\n"))
		c.Hello.Needs = slices.Concat([]engine.Need{{Line: "Sec-WebSocket-Version: 13"}}, upgradeRequired)
		cases = append(cases, c)
	}
	return append(cases,
		request("HS-4.2-07", "There is no version.", badOrOld, edit("Sec-WebSocket-Version:", "")),
		request("HS-4.2-07", "There are two versions.", badOrOld, add("Sec-WebSocket-Version: 8")))
}

// listCases are about subprotocols and extensions that a server cannot know. Its response may
// have neither, which the tester checks in every response.
func listCases() []*script {
	return []*script{
		request("HS-4.2-24", "Subprotocols are offered that the server has never heard of.", opened, add("Sec-WebSocket-Protocol: x-none-of-these, x-nor-this")),
		request("HS-4.2-11", "Subprotocols are split over two lines.", opened, add("Sec-WebSocket-Protocol: x-a", "Sec-WebSocket-Protocol: x-b, x-c")),
		request("HS-4.2-11", "A subprotocol is not a token.", []int{400}, add("Sec-WebSocket-Protocol: a/b")),
		request("EX-9.1-03", "Extensions are offered that nobody knows.", opened, add("Sec-WebSocket-Extensions: x-webkit-deflate-frame, foo; bar=\"x\"; baz, qux")),
		request("EX-9.1-02", "Extensions that nobody knows are split over lines.", opened, add("Sec-WebSocket-Extensions: foo", "Sec-WebSocket-Extensions: bar; baz=2")),
		request("HS-4.2-12", "The extensions header has a parameter without an extension.", []int{400, 101}, add("Sec-WebSocket-Extensions: ;x")),
		request("HS-4.2-12", "The extensions header has a quote that does not end.", []int{400, 101}, add("Sec-WebSocket-Extensions: foo; a=\"b")),
		request("HS-4.2-12", "The extensions header has a name of two words.", []int{400, 101}, add("Sec-WebSocket-Extensions: foo bar")),
	}
}
