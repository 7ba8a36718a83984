//go:build linux

package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/rfc6455/ws/bench/peers/internal/load"
	"github.com/rfc6455/ws/bench/peers/internal/report"
	"github.com/rfc6455/ws/bench/peers/internal/servers"
)

// TestMain lets the test's own program be the server and the load process.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && slices.Contains([]string{"serve", "load", "memory"}, os.Args[1]) {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestMeasure runs one cell of each kind, with processes.
func TestMeasure(t *testing.T) {
	p := &plan{Duration: 20 * time.Millisecond, Idle: 20}
	silent := []string{"idle", "dialed-idle", "idle-tls", "idle-deep"}
	for _, c := range cells() {
		if !slices.Contains(append(silent, "128B-64x1", "handshake", "z-1KiB", "broadcast"), c.Name) {
			continue
		}
		c.Spec.Conns = min(c.Spec.Conns, 20)
		measure := p.measure
		if c.Spec.Kind == load.Idle {
			measure = func(c *cell, s *servers.Server, rep int) (*report.Measurement, error) {
				i, err := p.idle(c, s, rep)
				if err != nil {
					return nil, err
				}
				return i.finish(0)
			}
		}
		m, err := measure(&c, servers.Find("serve"), 0)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		want := report.CPU
		if slices.Contains(silent, c.Name) {
			want = report.RSS
		}
		if m.Values[want] <= 0 {
			t.Errorf("%s: %+v", c.Name, m.Values)
		}
	}
}

// TestProfile: a profile of the server is written where that is asked for.
func TestProfile(t *testing.T) {
	p := &plan{Duration: 20 * time.Millisecond, Profile: t.TempDir()}
	c := cells()[0]
	if _, err := p.measure(&c, servers.Find("read"), 3); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(p.Profile, c.Name+".read.3.prof")); err != nil || info.Size() == 0 {
		t.Errorf("no profile: %v", err)
	}
}

func TestChoice(t *testing.T) {
	o, err := parse([]string{"-quick", "-cells", "z-*,idle", "-servers", "serve,gorilla"})
	if err != nil {
		t.Fatal(err)
	}
	chosen, who, err := o.choose()
	if err != nil || len(chosen) != 7 || len(who) != 2 || who[0].Name != baseline {
		t.Errorf("%d cells, %d servers, error %v; want 7, and two with the baseline first", len(chosen), len(who), err)
	}
	o.cells = "nothing"
	if _, _, err := o.choose(); err == nil {
		t.Error("a choice of nothing is no error")
	}
	if _, err := parse([]string{"serve"}); err == nil {
		t.Error("an argument that is no flag is no error")
	}
}

// TestSections: every cell is in the report, once.
func TestSections(t *testing.T) {
	seen := make(map[string]int)
	for _, s := range sections().Sections {
		for _, c := range s.Cells {
			seen[c.Name]++
		}
	}
	for _, c := range cells() {
		if seen[c.Name] != 1 {
			t.Errorf("cell %s is in the report %d times", c.Name, seen[c.Name])
		}
	}
}
