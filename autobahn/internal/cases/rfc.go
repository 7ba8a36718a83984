package cases

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/rfc6455/ws/autobahn/internal/engine"
)

// The second catalogue has what the Autobahn|Testsuite does not test. Its cases are named
// after the rows of docs/requirements.md: rfc.RX-5.2-07.2 is the second case of row
// RX-5.2-07. The second catalogue is stricter: a case has FAILED too if the end of the
// connection is not as it should be, or if a second Close frame comes.

// BeyondServers returns the cases of the second catalogue for servers. The caller owns the
// slice, but not the cases.
func BeyondServers() []*engine.Case { return slices.Clone(beyondServers()) }

// BeyondClients returns the cases of the second catalogue for clients. The caller owns the
// slice, but not the cases.
func BeyondClients() []*engine.Case { return slices.Clone(beyondClients()) }

var (
	beyondServers = sync.OnceValue(func() []*engine.Case {
		return newCases(numberRows(requestCases()), numberRows(unmaskedCases()), numberRows(serverEndCases()), shared())
	})
	beyondClients = sync.OnceValue(func() []*engine.Case {
		return newCases(numberRows(ownRequestCases()), numberRows(slices.Concat(responseCases(), statusLineCases(), responseGrammarCases(), answerCases())),
			numberRows(maskedCases()), numberRows(lazyCases()), shared())
	})
	shared = sync.OnceValue(func() []*script {
		return slices.Concat(numberRows(rfcFrameCases()), numberRows(sentCases()), numberRows(rfcCloseCases()), numberRows(rfcDeflateCases()), compressedCases())
	})
)

// numberRows completes cases whose identifier is that of a row: it numbers the cases of each
// row, and makes their judgement strict.
func numberRows(cases []*script) []*script {
	seen := make(map[string]int)
	for _, c := range cases {
		seen[c.ID]++
		c.ID = fmt.Sprintf("rfc.%s.%d", c.ID, seen[c.ID])
		c.Strict = true
		if c.Close.Codes == nil {
			c.Close = normalClose
		}
	}
	return cases
}

// compressedCases are cases of the first catalogue on connections with compression. The rules
// for text, fragments, control frames and the closing handshake are the same there. Messages
// that a case sends as such are compressed, and those that it sends frame by frame are not:
// a connection may have both (RFC 7692 section 6).
func compressedCases() []*script {
	var cases []*script
	for _, c := range suite() {
		section, _, _ := strings.Cut(c.ID, ".")
		if !slices.Contains([]string{"2", "4", "5", "6", "7"}, section) {
			continue
		}
		d := *c
		d.ID = "rfc.deflate." + c.ID
		d.Description = "With compression negotiated: " + c.Description
		d.Deflate = &deflateRules[0].rule
		d.Steps = []step{compressed(c.Steps)}
		cases = append(cases, &d)
	}
	return cases
}
