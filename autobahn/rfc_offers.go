package autobahn

import "fmt"

// offer is a case with an offer of extensions of its own.
func offer(row, value string) *Case {
	c := request(row, "The offer is \""+value+"\".", opened, add("Sec-WebSocket-Extensions: "+value))
	c.deflate = &deflateRule{given: true}
	c.steps = []step{say{payload: "hi"}, closeAfter(patient)}
	return c
}

// declined is an offer that is not valid, which has to be declined without an error
// (RFC 7692 section 5.1).
func declined(row, params string) *Case {
	c := offer(row, "permessage-deflate; "+params)
	c.Expectation = "The connection opens without compression."
	c.judge = func(t *tester) {
		if t.deflate != nil {
			t.Behavior, t.Result = Failed, "The server accepted an offer that is not valid."
		}
	}
	return c
}

// kept is an offer of which the server accepts what it likes. Valid is the element
// that it may accept.
func kept(row, value, valid string) *Case {
	c := offer(row, value)
	offers, _, err := parseExtensions(valid, true)
	if err != nil || len(offers) != 1 {
		panic("websocket: a case has an offer that is not valid: " + valid)
	}
	c.Expectation = "The connection opens, with compression as offered or without."
	c.judge = func(t *tester) {
		if t.deflate != nil && !t.deflate.agreed.within(offers[0]) {
			t.Behavior, t.Result = Failed, "The answer does not keep to the offer."
		}
	}
	return c
}

// within reports whether an answer keeps to an offer (RFC 7692 section 7.1).
func (p parameters) within(offer parameters) bool {
	switch {
	case offer.serverNoTakeover && !p.serverNoTakeover:
		return false
	case offer.serverBits > 0 && (p.serverBits == 0 || p.serverBits > offer.serverBits):
		return false
	case p.clientBits > 0 && !offer.boundable():
		return false
	}
	return true
}

// offerCases are offers of permessage-deflate, and what follows from the answer (RFC
// 7692 sections 5.1 and 7.1).
func offerCases() []*Case {
	var cases []*Case
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

// sameTwice offers server_no_context_takeover and sends the same message twice: the
// second may not refer to the first (RFC 7692 section 7.1.1.1).
func sameTwice() *Case {
	c := conversation("PD-7.1-20", "Ask for no context takeover, and send a message twice.", nil)
	c.Expectation = "Both come back, each compressed for itself."
	payload := string(dataSets[0].slice(0, 500))
	c.deflate = &deflateRules[1].rule
	c.steps = []step{compressed{say{payload: payload}, say{payload: payload}, closeAfter(patient)}}
	c.ok = []event{textMessage(payload), textMessage(payload)}
	return c
}

// windowCase asks for a small window and sends what a compressor would like to look
// farther back for. The tester inflates with the window that was agreed on and no more.
func windowCase(row string, bits int) *Case {
	size := 1<<bits + 88 // repeats beyond the window, within 32 KiB
	payload := string(repeat(dataSets[0].slice(0, size), 40<<10))
	return &Case{
		ID: row, Description: fmt.Sprintf("Ask for a window of %d bits, and send twice what repeats itself at %d octets.", bits, size),
		Expectation: fmt.Sprintf("The messages come back, compressed with a window of %d octets.", 1<<bits),
		deflate:     &deflateRule{offers: []parameters{{serverBits: bits}}, demands: []parameters{{clientBits: bits}}},
		steps: []step{compressed{
			say{payload: payload}, say{payload: payload}, closeAfter(patient),
		}},
		ok: []event{textMessage(payload), textMessage(payload)},
	}
}

// repeat returns n octets or a little less of whole copies of b.
func repeat(b []byte, n int) []byte { return cycle(string(b), n/len(b)*len(b)) }
