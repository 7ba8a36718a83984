//go:build linux

package main

import (
	"bytes"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// TestMessages checks that a message that is lost, repeated, changed or of another connection is
// noticed.
func TestMessages(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var sent [][]byte
	for seq := range uint32(200) {
		size := messageSize(r)
		p := appendMessage(nil, 7, seq, size)
		if len(p) != size || size > messageMax {
			t.Fatalf("message %d has %d bytes, not %d", seq, len(p), size)
		}
		sent = append(sent, p)
	}
	var n counter
	for _, p := range sent {
		if err := n.take(p); err != nil {
			t.Fatal(err)
		}
	}
	changed := bytes.Clone(sent[1])
	changed[stampSize-1] ^= 1
	for name, p := range map[string][]byte{
		"lost": sent[2], "repeated": sent[0], "changed": changed, "cut": sent[1][:9],
		"of another connection": appendMessage(nil, 8, 1, 50),
	} {
		n := counter{id: 7, known: true, count: 1}
		if err := n.take(p); err == nil {
			t.Errorf("a message that was %s was taken", name)
		}
	}
}

// TestGrowth checks that what grows all the time is reported, and what jumps up for a moment is
// not.
func TestGrowth(t *testing.T) {
	for _, tt := range []struct {
		name string
		heap func(i int) uint64
		want string
	}{
		{"flat", func(i int) uint64 { return 50<<20 + uint64(i%3)<<20 }, ""},
		{"jumps", func(i int) uint64 { return 50<<20 + uint64(i%5/4)<<26 }, ""},
		{"growing", func(i int) uint64 { return 50<<20 + uint64(i)<<21 }, "the client's heap grew"},
		{"shrinking", func(i int) uint64 { return 90<<20 - uint64(i)<<21 }, ""},
	} {
		s := new(soak)
		for i := range 40 {
			s.samples = append(s.samples, sample{when: "load", client: figures{Heap: tt.heap(i)}})
		}
		got := strings.Join(s.growth(), ", ")
		if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
	if len(new(soak).growth()) == 0 {
		t.Error("a run without samples was taken for flat")
	}
}

// TestVerdict checks that a run in which all went well says so, and that what is left is reported.
func TestVerdict(t *testing.T) {
	run := func() (*soak, sample) {
		s := &soak{plan: &plan{conns: 2, churn: 1, time: 2 * time.Second}, w: io.Discard, client: new(client)}
		for range 40 {
			s.samples = append(s.samples, sample{when: "load"})
		}
		s.client.opened.Store(4)
		s.client.closed.Store(4)
		after := sample{}
		after.counts.counts = counts{Opened: 4, Closed: 4}
		return s, after
	}
	s, after := run()
	if err := s.verdict(sample{}, after); err != nil {
		t.Errorf("all went well: %v", err)
	}
	for want, spoil := range map[string]func(*soak, *sample){
		"3 descriptors":       func(_ *soak, x *sample) { x.server.Descriptors = descriptorsLeft + 1 },
		"3 goroutines":        func(_ *soak, x *sample) { x.client.Goroutines = 3 },
		"MiB of heap":         func(_ *soak, x *sample) { x.client.Heap = 3 << 20 },
		"connections: the":    func(_ *soak, x *sample) { x.counts.Opened++ },
		"messages sent":       func(_ *soak, x *sample) { x.counts.Messages++ },
		"less than half":      func(s *soak, _ *sample) { s.churn = 100 },
		"what the server saw": func(_ *soak, x *sample) { x.counts.Problems, x.counts.First = 1, []string{"what the server saw"} },
	} {
		s, after := run()
		spoil(s, &after)
		if err := s.verdict(sample{}, after); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
