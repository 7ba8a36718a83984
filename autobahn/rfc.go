package autobahn

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// The second catalogue has what the Autobahn|Testsuite does not test. Its cases are
// named after the rows of docs/requirements.md: rfc.RX-5.2-07.2 is the second case
// of row RX-5.2-07. It judges more strictly: an end of the connection that is not
// as it should be makes a case FAILED, and so does a second Close frame.

// BeyondServers returns the cases of the second catalogue for servers, and
// BeyondClients those for clients. The caller owns the slice, but not the cases.
func BeyondServers() []*Case { return slices.Clone(beyondServers()) }

// BeyondClients is described with [BeyondServers].
func BeyondClients() []*Case { return slices.Clone(beyondClients()) }

var (
	beyondServers = sync.OnceValue(func() []*Case {
		return slices.Concat(rows(requestCases()), rows(unmaskedCases()), rows(serverEndCases()), shared())
	})
	beyondClients = sync.OnceValue(func() []*Case {
		return slices.Concat(rows(ownRequestCases()), rows(slices.Concat(responseCases(), statusLineCases(), responseGrammarCases(), answerCases())),
			rows(maskedCases()), rows(lazyCases()), shared())
	})
	shared = sync.OnceValue(func() []*Case {
		return slices.Concat(rows(rfcFrameCases()), rows(sentCases()), rows(rfcCloseCases()), rows(rfcDeflateCases()), compressedCases())
	})
)

// How long a testee may take in the second catalogue. Both are far more than it needs,
// so that verdicts do not depend on what else the machine does.
const (
	patient  = 10 * second // for all that is to come back
	reaction = 3 * second  // to fail the connection, to answer a Close frame, to close TCP
)

// rows completes cases whose identifier is that of a row: it numbers those of each
// row and makes their judgement strict.
func rows(cases []*Case) []*Case {
	seen := make(map[string]int)
	for _, c := range cases {
		seen[c.ID]++
		c.ID = fmt.Sprintf("rfc.%s.%d", c.ID, seen[c.ID])
		c.strict = true
		if c.close.codes == nil {
			c.close = normalClose
		}
	}
	return cases
}

// judgeStrictly makes what the Autobahn|Testsuite only notes a failure.
func (t *tester) judgeStrictly() {
	switch {
	case t.Behavior != OK && t.Behavior != NonStrict:
	case t.BehaviorClose != OK:
		t.Behavior, t.Result = Failed, t.ResultClose
	case t.rec.rxFrames[8] > 1:
		t.Behavior, t.Result = Failed, "There was more than one Close frame."
	case t.rec.afterClose > 0:
		t.Behavior, t.Result = Failed, "There were frames after the Close frame."
	}
}

// compressedCases runs cases of the first catalogue on connections with compression:
// the rules for text, fragments, control frames and the closing handshake are the
// same there. What is sent as a message is compressed, what is sent frame by frame
// is not: both may be mixed (RFC 7692 section 6).
func compressedCases() []*Case {
	var cases []*Case
	for _, c := range catalogue() {
		section, _, _ := strings.Cut(c.ID, ".")
		if !slices.Contains([]string{"2", "4", "5", "6", "7"}, section) {
			continue
		}
		d := *c
		d.ID = "rfc.deflate." + c.ID
		d.Description = "With compression negotiated: " + c.Description
		d.deflate = &deflateRules[0].rule
		d.steps = []step{compressed(c.steps)}
		cases = append(cases, &d)
	}
	return cases
}

// compressed is a step that runs others if compression was negotiated, and otherwise
// ends the case.
type compressed []step

func (s compressed) do(t *tester) {
	if t.deflate != nil {
		t.do(s)
		return
	}
	t.unavailable = true
	t.closeFrame(1000, "")
}

// raw is bytes that are written as they are.
type raw string

func (s raw) do(t *tester) {
	t.rec.note("%d octets as they are: %s", len(s), hexPreview([]byte(s)))
	t.write([]byte(s), 0, false)
}
