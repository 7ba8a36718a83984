package cases

import (
	"fmt"

	"github.com/rfc6455/ws/autobahn/internal/engine"
)

// offer is a case with an offer of extensions of its own.
func offer(row, value string) *script {
	c := request(row, "The offer is \""+value+"\".", opened, add("Sec-WebSocket-Extensions: "+value))
	c.Deflate = &deflateRule{Given: true}
	c.Steps = []step{say{Payload: "hi"}, closeAfter(patient)}
	return c
}

// declined is a case with an offer that is not valid. The server has to decline it without an
// error (RFC 7692 section 5.1).
func declined(row, params string) *script {
	c := offer(row, "permessage-deflate; "+params)
	c.Expectation = "The connection opens without compression."
	c.Judge = func(t *tester) {
		if t.Deflate != nil {
			t.Behavior, t.Result = engine.Failed, "The server accepted an offer that is not valid."
		}
	}
	return c
}

// kept is a case with an offer that the server may accept or not. Valid is the element of the
// offer that it may accept.
func kept(row, value, valid string) *script {
	c := offer(row, value)
	offers, _, err := engine.ParseExtensions(valid, true)
	if err != nil || len(offers) != 1 {
		panic("websocket: a case has an offer that is not valid: " + valid)
	}
	c.Expectation = "The connection opens, with compression as offered or without."
	c.Judge = func(t *tester) {
		if t.Deflate != nil && !t.Deflate.Agreed.Within(offers[0]) {
			t.Behavior, t.Result = engine.Failed, "The answer does not keep to the offer."
		}
	}
	return c
}

// offerCases are offers of permessage-deflate, and what follows from the answer (RFC
// 7692 sections 5.1 and 7.1).
func offerCases() []*script {
	var cases []*script
	for _, d := range []struct{ row, params string }{
		{"PD-7-01", "foo"},
		{"PD-7-01", "server_no_context_takeover; server_no_context_takeover"},
		{"PD-7-01", "server_max_window_bits=10; server_max_window_bits=10"},
		{"PD-7.1.1-03", "server_no_context_takeover=1"},
		{"PD-7.1.1-03", "client_no_context_takeover=true"},
		{"PD-7.1.2-10", "server_max_window_bits"},
		{"PD-7.1.2-10", "server_max_window_bits=7"},
		{"PD-7.1.2-10", "server_max_window_bits=16"},
		{"PD-7.1.2-10", "server_max_window_bits=08"},
		{"PD-7.1.2-10", "server_max_window_bits=010"},
		{"PD-7.1.2-10", "server_max_window_bits=x"},
		{"PD-7.1.2-14", "client_max_window_bits=16"},
		{"PD-7.1.2-14", "client_max_window_bits=0"},
	} {
		cases = append(cases, declined(d.row, d.params))
	}
	const pd = "permessage-deflate"
	for _, k := range []struct{ row, value, valid string }{
		{"PD-7.1.2-15", pd, pd},
		{"PD-7.1.2-14", pd + "; client_max_window_bits", pd + "; client_max_window_bits"},
		{"PD-7.1.2-14", "foo, " + pd + "; client_max_window_bits=10", pd + "; client_max_window_bits=10"},
		{"PD-7.1.2-11", pd + "; server_max_window_bits=9", pd + "; server_max_window_bits=9"},
		{"EX-9.1-05", pd + "; server_max_window_bits=\"10\"", pd + "; server_max_window_bits=10"},
		{"EX-9.1-05", pd + "; server_max_window_bits=\"1\\0\"", pd + "; server_max_window_bits=10"},
		{"HT-5.6-07", pd + "; server_max_window_bits = 10", pd + "; server_max_window_bits=10"},
		{"PD-7.1.1-04", pd + "; server_no_context_takeover; client_no_context_takeover", pd + "; server_no_context_takeover; client_no_context_takeover"},
		{"PD-7-01", pd + "; foo, " + pd, pd},
		{"PD-7-25", "x-webkit-deflate-frame, permessage-bzip2, perframe-compress; method=deflate, " + pd, pd},
		{"PD-7.1.3-24", pd + "; client_max_window_bits; server_max_window_bits=10, " + pd + "; client_max_window_bits", pd + "; client_max_window_bits"},
	} {
		cases = append(cases, kept(k.row, k.value, k.valid))
	}
	many := kept("PD-5.1-21", pd+"; server_max_window_bits=10, "+pd+", "+pd+"; server_no_context_takeover", pd)
	many.Expectation = "The connection opens, with at most one of the offers accepted."
	cases = append(cases, many, sameTwice())
	for _, bits := range []int{8, 9, 10, 14} {
		cases = append(cases, windowCase("PD-7.1.2-11", bits))
	}
	return cases
}

// sameTwice offers server_no_context_takeover and sends the same message twice. The second
// that comes back may not refer to the first (RFC 7692 section 7.1.1.1).
func sameTwice() *script {
	c := conversation("PD-7.1-20", "Ask for no context takeover, and send a message twice.", nil)
	c.Expectation = "Both come back, each compressed for itself."
	payload := string(dataSets[0].slice(0, 500))
	c.Deflate = &deflateRules[1].rule
	c.Steps = []step{compressed{say{Payload: payload}, say{Payload: payload}, closeAfter(patient)}}
	c.OK = []event{textMessage(payload), textMessage(payload)}
	return c
}

// windowCase asks for a small window and sends data that repeats itself just beyond it. A
// compressor that looks back too far is found out: the tester inflates with the window that
// was agreed on and no more.
func windowCase(row string, bits int) *script {
	size := 1<<bits + 88 // repeats beyond the window, within 32 KiB
	payload := string(repeat(dataSets[0].slice(0, size), 40<<10))
	return &script{
		ID: row, Description: fmt.Sprintf("Ask for a window of %d bits, and send twice what repeats itself at %d octets.", bits, size),
		Expectation: fmt.Sprintf("The messages come back, compressed with a window of %d octets.", 1<<bits),
		Deflate:     &deflateRule{Offers: []parameters{{ServerBits: bits}}, Demands: []parameters{{ClientBits: bits}}},
		Steps: []step{compressed{
			say{Payload: payload}, say{Payload: payload}, closeAfter(patient),
		}},
		OK: []event{textMessage(payload), textMessage(payload)},
	}
}

// repeat returns whole copies of b, as many as fit into n octets.
func repeat(b []byte, n int) []byte { return engine.Cycle(string(b), n/len(b)*len(b)) }
