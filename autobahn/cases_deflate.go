package autobahn

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/rfc6455/ws/frame"
)

// deflateSizes are the rows of each group of sections 12 and 13: how long the
// messages are, in how large fragments they go out, compressed, and how many
// seconds there are for a thousand of them.
var deflateSizes = []struct {
	length, fragment int
	wait             closeAfter
}{
	{16, 0, 60},
	{64, 0, 60},
	{256, 0, 120},
	{1024, 0, 240},
	{4096, 0, 480},
	{8192, 0, 480},
	{16384, 0, 480},
	{32768, 0, 480},
	{65536, 0, 480},
	{131072, 0, 480},
	{8192, 256, 480},
	{16384, 256, 480},
	{32768, 256, 480},
	{65536, 256, 480},
	{131072, 256, 480},
	{131072, 1024, 480},
	{131072, 4096, 480},
	{131072, 32768, 480},
}

// deflateRules are the negotiations of section 13, in its order. Those of section 12
// are like the first.
var deflateRules = []struct {
	title string
	rule  deflateRule
}{
	{"no limits", deflateRule{
		offers:  []parameters{{}},
		demands: []parameters{{}},
	}},
	{"no context takeover", deflateRule{
		offers:  []parameters{{serverNoTakeover: true}},
		demands: []parameters{{clientNoTakeover: true}},
	}},
	{"a window of 9 bits", deflateRule{
		offers:  []parameters{{serverBits: 9}},
		demands: []parameters{{clientBits: 9}},
	}},
	{"a window of 15 bits", deflateRule{
		offers:  []parameters{{serverBits: 15}},
		demands: []parameters{{clientBits: 15}},
	}},
	{"no context takeover and a window of 9 bits", deflateRule{
		offers:  []parameters{{serverNoTakeover: true, serverBits: 9}},
		demands: []parameters{{clientNoTakeover: true, clientBits: 9}},
	}},
	{"no context takeover and a window of 15 bits", deflateRule{
		offers:  []parameters{{serverNoTakeover: true, serverBits: 15}},
		demands: []parameters{{clientNoTakeover: true, clientBits: 15}},
	}},
	{"several choices", deflateRule{
		offers:  []parameters{{serverNoTakeover: true, serverBits: 9}, {serverNoTakeover: true}, {}},
		demands: []parameters{{clientNoTakeover: true, clientBits: 9}, {clientNoTakeover: true}, {}},
	}},
}

// deflateCases are sections 12 (five data sets) and 13 (seven negotiations).
func deflateCases() []*Case {
	var cases []*Case
	for i, d := range dataSets {
		cases = append(cases, deflateGroup(fmt.Sprintf("12.%d", i+1), "of "+d.title, d, &deflateRules[0].rule)...)
	}
	for i, r := range deflateRules {
		cases = append(cases, deflateGroup(fmt.Sprintf("13.%d", i+1), "with "+r.title, dataSets[0], &r.rule)...)
	}
	return cases
}

func deflateGroup(group, title string, data *dataSet, rule *deflateRule) []*Case {
	unit := "characters"
	if data.binary {
		unit = "octets"
	}
	var cases []*Case
	for _, size := range deflateSizes {
		x := &exchangeOfMany{data: data, length: size.length, fragment: size.fragment, wait: size.wait * closeAfter(second)}
		c := &Case{
			Description: fmt.Sprintf("Send %d compressed messages of %d %s %s, each when the one before has come back.",
				roundTrips, size.length, unit, title),
			Expectation: "Each comes back as it was sent.",
			steps:       []step{doing(x.start)}, message: x.message,
			deflate: rule, quiet: true, timed: true, ratio: true,
		}
		if size.fragment > 0 {
			c.Description += fmt.Sprintf(" They are sent in fragments of %d octets, compressed.", size.fragment)
		}
		cases = append(cases, c)
	}
	return number(group, cases)
}

// exchangeOfMany is the course of a case of sections 12 and 13. It is constant.
type exchangeOfMany struct {
	data             *dataSet
	length, fragment int
	wait             closeAfter
}

func (x *exchangeOfMany) start(t *tester) {
	if t.deflate == nil {
		t.Behavior, t.Result = Unimplemented, "permessage-deflate was not negotiated."
		t.closeFrame(1000, "")
		return
	}
	t.Result = "The messages did not all come back in time."
	x.wait.do(t)
	x.next(t)
}

// next sends the next message.
func (x *exchangeOfMany) next(t *tester) {
	k := t.echo.sent
	t.echo.sent++
	s := streamOf(x.data, x.length, t.deflate.bits, t.deflate.takeover)
	var packed []byte
	t.echo.payload, packed = s.message(k)
	traffic := &t.rec.Traffic
	traffic.OutgoingWebSocketMessages++
	traffic.OutgoingOctetsAppLevel += len(t.echo.payload)
	first := send{op: frame.Text, rsv: frame.RSV1}
	if x.data.binary {
		first.op = frame.Binary
	}
	t.fragments(first, packed, x.fragment)
}

// message judges a message that has come back.
func (x *exchangeOfMany) message(t *tester, payload []byte, binary bool) {
	switch {
	case binary != x.data.binary:
		t.Behavior, t.Result = Failed, "A message of the other type came back."
	case !bytes.Equal(payload, t.echo.payload):
		t.Behavior, t.Result = Failed, "A message came back that is not the one that was sent."
	case t.echo.sent < t.roundTrips:
		x.next(t)
		return
	default:
		t.Behavior, t.Result = OK, "All messages came back in time."
		t.rec.Judged = true
	}
	t.rec.enable(true)
	t.closeFrame(1000, "")
}

// stream is a sequence of messages, and the same compressed one after the other. It
// is made once and used by all cases that send the same.
//
// The messages go round the data set. Once the first round has filled the window,
// a round compresses to the same bytes as the one before, so two rounds are kept.
type stream struct {
	data         *dataSet
	length, bits int
	takeover     bool

	mu     sync.Mutex
	source compressor
	plain  [][]byte
	packed [][]byte
}

// message returns the k-th message, as it is and compressed. Neither may be
// changed.
func (s *stream) message(k int) (plain, packed []byte) {
	round := dataUnits / s.length
	at := k
	switch {
	case !s.takeover:
		at = k % round
	case k >= 2*round:
		at = round + k%round
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.packed) <= at {
		n := len(s.packed)
		if n < round {
			s.plain = append(s.plain, s.data.slice(n*s.length, s.length))
		}
		if !s.takeover {
			s.source.reset()
		}
		s.packed = append(s.packed, s.source.compress(s.plain[n%round]))
	}
	if len(s.packed) == 2*round {
		s.source = nil // it is large, and has done its work
	}
	return s.plain[at%round], s.packed[at]
}

// streamKey is what makes streams differ.
type streamKey struct {
	data         *dataSet
	length, bits int
	takeover     bool
}

var streams = struct {
	sync.Mutex
	m map[streamKey]*stream
}{m: make(map[streamKey]*stream)}

// streamOf returns the one stream of its kind.
func streamOf(data *dataSet, length, bits int, takeover bool) *stream {
	key := streamKey{data, length, bits, takeover}
	streams.Lock()
	defer streams.Unlock()
	s := streams.m[key]
	if s == nil {
		s = &stream{data: data, length: length, bits: bits, takeover: takeover, source: newCompressor(bits)}
		streams.m[key] = s
	}
	return s
}
