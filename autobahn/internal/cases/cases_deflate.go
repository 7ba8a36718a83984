package cases

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/rfc6455/ws/autobahn/internal/engine"
	"github.com/rfc6455/ws/frame"
)

// deflateSizes are the cases of each group of sections 12 and 13: how long the messages are,
// how long the fragments in which they go out, compressed (zero: there is one), and how many
// seconds the testee has for a thousand of them.
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

// deflateRules are the negotiations of section 13, in its order. Section 12 has the first of
// them throughout.
var deflateRules = []struct {
	title string
	rule  deflateRule
}{
	{"no limits", deflateRule{
		Offers:  []parameters{{}},
		Demands: []parameters{{}},
	}},
	{"no context takeover", deflateRule{
		Offers:  []parameters{{ServerNoTakeover: true}},
		Demands: []parameters{{ClientNoTakeover: true}},
	}},
	{"a window of 9 bits", deflateRule{
		Offers:  []parameters{{ServerBits: 9}},
		Demands: []parameters{{ClientBits: 9}},
	}},
	{"a window of 15 bits", deflateRule{
		Offers:  []parameters{{ServerBits: 15}},
		Demands: []parameters{{ClientBits: 15}},
	}},
	{"no context takeover and a window of 9 bits", deflateRule{
		Offers:  []parameters{{ServerNoTakeover: true, ServerBits: 9}},
		Demands: []parameters{{ClientNoTakeover: true, ClientBits: 9}},
	}},
	{"no context takeover and a window of 15 bits", deflateRule{
		Offers:  []parameters{{ServerNoTakeover: true, ServerBits: 15}},
		Demands: []parameters{{ClientNoTakeover: true, ClientBits: 15}},
	}},
	{"several choices", deflateRule{
		Offers:  []parameters{{ServerNoTakeover: true, ServerBits: 9}, {ServerNoTakeover: true}, {}},
		Demands: []parameters{{ClientNoTakeover: true, ClientBits: 9}, {ClientNoTakeover: true}, {}},
	}},
}

// deflateCases are sections 12 (five data sets) and 13 (seven negotiations).
func deflateCases() []*script {
	var cases []*script
	for i, d := range dataSets {
		cases = append(cases, deflateGroup(fmt.Sprintf("12.%d", i+1), "of "+d.title, d, &deflateRules[0].rule)...)
	}
	for i, r := range deflateRules {
		cases = append(cases, deflateGroup(fmt.Sprintf("13.%d", i+1), "with "+r.title, dataSets[0], &r.rule)...)
	}
	return cases
}

// deflateGroup returns the cases of one group: each size, with one data set and negotiation.
func deflateGroup(group, title string, data *dataSet, rule *deflateRule) []*script {
	unit := "characters"
	if data.binary {
		unit = "octets"
	}
	var cases []*script
	for _, size := range deflateSizes {
		x := &exchangeOfMany{data: data, length: size.length, fragment: size.fragment, wait: size.wait * closeAfter(second)}
		c := &script{
			Description: fmt.Sprintf("Send %d compressed messages of %d %s %s, each when the one before has come back.",
				engine.RoundTrips, size.length, unit, title),
			Expectation: "Each comes back as it was sent.",
			Steps:       []step{doing(x.start)}, Message: x.message,
			Deflate: rule, Quiet: true, Timed: true, Ratio: true,
		}
		if size.fragment > 0 {
			c.Description += fmt.Sprintf(" They are sent in fragments of %d octets, compressed.", size.fragment)
		}
		cases = append(cases, c)
	}
	return number(group, cases)
}

// exchangeOfMany is what a case of sections 12 and 13 does. It is constant; how far a case has
// come is in the tester's Echo.
type exchangeOfMany struct {
	data             *dataSet
	length, fragment int
	wait             closeAfter
}

// start sends the first message, if compression was negotiated.
func (x *exchangeOfMany) start(t *tester) {
	if t.Deflate == nil {
		t.Behavior, t.Result = engine.Unimplemented, "permessage-deflate was not negotiated."
		t.CloseFrame(1000, "")
		return
	}
	t.Result = "The messages did not all come back in time."
	x.wait.Do(t)
	x.next(t)
}

// next sends the next message.
func (x *exchangeOfMany) next(t *tester) {
	k := t.Echo.Sent
	t.Echo.Sent++
	s := streamOf(x.data, x.length, t.Deflate.Bits, t.Deflate.Takeover)
	var packed []byte
	t.Echo.Payload, packed = s.message(k)
	traffic := &t.Rec.Traffic
	traffic.OutgoingWebSocketMessages++
	traffic.OutgoingOctetsAppLevel += len(t.Echo.Payload)
	first := send{Op: frame.Text, RSV: frame.RSV1}
	if x.data.binary {
		first.Op = frame.Binary
	}
	t.Fragments(first, packed, x.fragment)
}

// message judges a message that has come back.
func (x *exchangeOfMany) message(t *tester, payload []byte, binary bool) {
	switch {
	case binary != x.data.binary:
		t.Behavior, t.Result = engine.Failed, "A message of the other type came back."
	case !bytes.Equal(payload, t.Echo.Payload):
		t.Behavior, t.Result = engine.Failed, "A message came back that is not the one that was sent."
	case t.Echo.Sent < t.RoundTrips:
		x.next(t)
		return
	default:
		t.Behavior, t.Result = engine.OK, "All messages came back in time."
		t.Rec.Judged = true
	}
	t.Rec.Enable(true)
	t.CloseFrame(1000, "")
}

// stream is a sequence of messages, and the same messages compressed one after the other. All
// cases that send the same have one stream in common.
//
// The messages go round the data set. After the first round the window is full, and then each
// round compresses to the same bytes as the one before. So two rounds are kept.
type stream struct {
	data         *dataSet
	length, bits int
	takeover     bool

	mu     sync.Mutex
	source engine.Compressor
	plain  [][]byte
	packed [][]byte
}

// message returns the k-th message, as it is and compressed. The caller may change neither.
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
			s.source.Reset()
		}
		s.packed = append(s.packed, s.source.Compress(s.plain[n%round]))
	}
	if len(s.packed) == 2*round {
		s.source = nil // it is large, and not needed any more
	}
	return s.plain[at%round], s.packed[at]
}

// streamKey says which stream it is.
type streamKey struct {
	data         *dataSet
	length, bits int
	takeover     bool
}

var streams = struct {
	sync.Mutex
	m map[streamKey]*stream
}{m: make(map[streamKey]*stream)}

// streamOf returns the stream that has these messages, and makes it if need be.
func streamOf(data *dataSet, length, bits int, takeover bool) *stream {
	key := streamKey{data, length, bits, takeover}
	streams.Lock()
	defer streams.Unlock()
	s := streams.m[key]
	if s == nil {
		s = &stream{data: data, length: length, bits: bits, takeover: takeover, source: engine.NewCompressor(bits)}
		streams.m[key] = s
	}
	return s
}
