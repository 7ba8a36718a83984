package main

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/rfc6455/ws/autobahn/corpus"
)

// TestCorpus runs the whole corpus: as it is, byte by byte, in pieces of random lengths and all at
// once. However it is cut, the same has to come of it.
func TestCorpus(t *testing.T) {
	cases, err := corpus.Cases()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		for _, n := range []int{0, 1, 1 + rand.IntN(20), 1 << 20} {
			cut := c
			if n > 0 {
				cut = corpus.Rechunk(c, n)
			}
			if why := corpus.Judge(cut, run(cut)); why != "" {
				t.Errorf("%s, in pieces of %d: %s", name(c), n, why)
			}
		}
	}
}

func name(c corpus.Case) string { return fmt.Sprintf("%s/%s", c.ID, c.Role) }
