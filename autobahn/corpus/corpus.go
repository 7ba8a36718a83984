// Package corpus is a set of conformance cases for WebSocket implementations in any language: bytes
// in, events and bytes out. README.md describes the format of cases.jsonl and what a shim does.
package corpus

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
)

// Case is one line of cases.jsonl. README.md describes the fields.
type Case struct {
	ID      string     `json:"id"`
	Section string     `json:"section"`
	Role    string     `json:"role"` // of the implementation: "server" or "client"
	Text    string     `json:"text"`
	Deflate *Deflate   `json:"deflate,omitempty"`
	Max     int        `json:"max"` // bytes of a message
	In      []string   `json:"in"`
	Events  []string   `json:"events"`
	Also    [][]string `json:"also,omitempty"`
	Out     [][]string `json:"out"`
	Verdict string     `json:"verdict"` // "must", "should" or "either"
}

// Deflate is what has been negotiated of permessage-deflate (RFC 7692 section 7.1).
type Deflate struct {
	ServerNoTakeover bool `json:"server_no_context_takeover"`
	ClientNoTakeover bool `json:"client_no_context_takeover"`
	ServerBits       int  `json:"server_max_window_bits"` // 8 to 15
	ClientBits       int  `json:"client_max_window_bits"`
}

// Answer is what a shim answers to a case.
type Answer struct {
	ID     string   `json:"id"`
	Events []string `json:"events"`
	Pings  bool     `json:"pings,omitempty"` // events has pings and pongs
	Out    string   `json:"out"`
	Skip   string   `json:"skip,omitempty"` // why the implementation can't run the case
}

//go:embed cases.jsonl
var lines []byte

// Cases returns the cases of the corpus.
func Cases() ([]Case, error) { return Read(bytes.NewReader(lines)) }

// Read reads cases, one a line.
func Read(r io.Reader) ([]Case, error) {
	var cases []Case
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		var c Case
		if err := json.Unmarshal(s.Bytes(), &c); err != nil {
			return nil, fmt.Errorf("corpus: line %d: %w", len(cases)+1, err)
		}
		cases = append(cases, c)
	}
	return cases, s.Err()
}

// Rechunk returns c with the same bytes in chunks of n each. That changes nothing of what has to
// come.
func Rechunk(c Case, n int) Case {
	var all string
	for _, chunk := range c.In {
		all += chunk
	}
	c.In = nil
	for len(all) > 0 {
		k := min(2*n, len(all))
		c.In = append(c.In, all[:k])
		all = all[k:]
	}
	return c
}
