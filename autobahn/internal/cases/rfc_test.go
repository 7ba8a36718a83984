package cases

import (
	"slices"
	"strings"
	"testing"

	"github.com/rfc6455/ws/autobahn/internal/engine"
)

func TestBeyondIsWellFormed(t *testing.T) {
	for role, cases := range map[string][]*engine.Case{"servers": BeyondServers(), "clients": BeyondClients()} {
		seen := make(map[string]bool)
		for _, c := range scripts(cases) {
			if seen[c.ID] || !strings.HasPrefix(c.ID, "rfc.") {
				t.Errorf("%s: the identifier %s is there twice, or not of this catalogue", role, c.ID)
			}
			seen[c.ID] = true
			if c.Description == "" || c.Expectation == "" || len(c.Close.Codes) == 0 {
				t.Errorf("%s: %s is not complete", role, c.ID)
			}
			if c.OK == nil && c.Message == nil {
				t.Errorf("%s: %s cannot pass", role, c.ID)
			}
		}
		if len(cases) < 400 {
			t.Errorf("%s: %d cases", role, len(cases))
		}
	}
	if slices.ContainsFunc(scripts(BeyondClients()), func(c *script) bool { return c.Hello != nil && c.Hello.Statuses != nil }) {
		t.Error("a case for servers is among those for clients")
	}
}

// scripts returns what cases do.
func scripts(cases []*engine.Case) []*script {
	var list []*script
	for _, c := range cases {
		list = append(list, engine.ScriptOf(c))
	}
	return list
}

func TestDiffer(t *testing.T) {
	random, counter, twice := make([]uint32, 100), make([]uint32, 100), make([]uint32, 100)
	for i := range random {
		random[i] = uint32(i+1) * uint32(i+1) * 2654435761
		counter[i] = uint32(i) + 7
		twice[i] = random[i/2]
	}
	if !differ(random) || differ(counter) || differ(twice) || differ(random[:manyKeys-1]) || differ(make([]uint32, 100)) {
		t.Error("keys are judged wrongly")
	}
}
