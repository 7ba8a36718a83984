//go:build linux

package main

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// samplesWanted is how many samples a run takes under load.
const samplesWanted = 40

// sample is what both processes held at one moment.
type sample struct {
	when           string
	at             time.Duration
	server, client figures
	counts         report // of the server
	opened         int64  // by the client
}

// look takes a sample.
func (s *soak) look(when string) (x sample, err error) {
	x.when, x.at = when, time.Since(s.start)
	if x.counts, err = s.process.report(); err != nil {
		return x, err
	}
	x.server = x.counts.figures
	x.client, err = figuresNow()
	x.opened = s.client.opened.Load()
	return x, err
}

// sample takes a sample and prints it.
func (s *soak) sample(when string) (sample, error) {
	x, err := s.look(when)
	if err == nil {
		s.add(x)
	}
	return x, err
}

func (s *soak) add(x sample) {
	if len(s.samples) == 0 {
		fmt.Fprintf(s.w, "%-10s %8s %10s %12s | %28s | %28s\n", "", "seconds", "opened", "messages",
			"server: heap MiB  RSS  fd  go", "client: heap MiB  RSS  fd  go")
	}
	s.samples = append(s.samples, x)
	fmt.Fprintf(s.w, "%-10s %8.0f %10d %12d | %v | %v\n", x.when, x.at.Seconds(), x.opened, x.counts.Messages, x.server, x.client)
}

func (f figures) String() string {
	return fmt.Sprintf("%7.1f %6.1f %6d %6d", mib(f.Heap), mib(f.Resident), f.Descriptors, f.Goroutines)
}

func mib(n uint64) float64 { return float64(n) / (1 << 20) }

// mostGoroutines returns the greatest number of goroutines at one time, as far as the samples tell.
func (s *soak) mostGoroutines() (server, client int) {
	for _, x := range s.samples {
		server, client = max(server, x.server.Goroutines), max(client, x.client.Goroutines)
	}
	return server, client
}

// left says what x, taken when all connections have gone, holds that was not held before.
func (s *soak) left(x, before sample) string {
	server, client := s.mostGoroutines()
	for _, p := range []struct {
		name        string
		now, before figures
		most        int
	}{{"server", x.server, before.server, server}, {"client", x.client, before.client, client}} {
		if p.now.Descriptors > p.before.Descriptors+descriptorsLeft || p.now.Goroutines > p.before.Goroutines {
			return fmt.Sprintf("the %s has %d descriptors and %d goroutines at the end, and had %d and %d before",
				p.name, p.now.Descriptors, p.now.Goroutines, p.before.Descriptors, p.before.Goroutines)
		}
		if p.now.Heap > p.before.Heap+heapLeft+uint64(p.most)*goroutineLeft {
			return fmt.Sprintf("the %s has %.1f MiB of heap at the end, and had %.1f before", p.name, mib(p.now.Heap), mib(p.before.Heap))
		}
	}
	return ""
}

// Memory counts as flat if the median of the last third of the samples exceeds that of the first
// third by no more than this, after warming up. The churn has up to churnAtOnce connections under
// way, of some 16 KiB each, and on a busy machine more of them at one time than at another. A leak
// shows when they have gone.
const (
	heapSlack, heapShare         = churnAtOnce * 16 << 10, 1.05
	residentSlack, residentShare = 2 * heapSlack, 1.10

	descriptorsLeft = 2       // package conn opens a pipe, one per process, when a busy connection first gives way
	heapLeft        = 2 << 20 // of tables and pools, when all connections have gone
	goroutineLeft   = 600     // what Go keeps of each goroutine, for the greatest number at one time
)

// growth returns what grew under load.
func (s *soak) growth() (grown []string) {
	var load []sample
	for _, x := range s.samples {
		if x.when == "load" {
			load = append(load, x)
		}
	}
	load = load[len(load)/10:]
	third := len(load) / 3
	if third == 0 {
		return []string{"there were too few samples: the machine is too slow"}
	}
	for _, what := range []struct {
		name  string
		of    func(sample) uint64
		slack uint64
		share float64
	}{
		{"the server's heap", func(x sample) uint64 { return x.server.Heap }, heapSlack, heapShare},
		{"the client's heap", func(x sample) uint64 { return x.client.Heap }, heapSlack, heapShare},
		{"the server's memory", func(x sample) uint64 { return x.server.Resident }, residentSlack, residentShare},
		{"the client's memory", func(x sample) uint64 { return x.client.Resident }, residentSlack, residentShare},
	} {
		first, last := median(load[:third], what.of), median(load[len(load)-third:], what.of)
		if last > uint64(float64(first)*what.share)+what.slack {
			grown = append(grown, fmt.Sprintf("%s grew from %.1f MiB to %.1f MiB", what.name, mib(first), mib(last)))
		}
	}
	return grown
}

func median(samples []sample, of func(sample) uint64) uint64 {
	var all []uint64
	for _, x := range samples {
		all = append(all, of(x))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// verdict prints the summary and returns what was wrong.
func (s *soak) verdict(before, after sample) error {
	c := s.client
	ours := counts{c.opened.Load(), c.closed.Load(), c.asked.Load(), c.cut.Load(), c.sent.Load()}
	theirs := after.counts.counts
	echoes := c.messages.Load()
	fmt.Fprintf(s.w, "\n%-28s %12s %12s\n", "", "client", "server")
	for _, row := range []struct {
		name         string
		ours, theirs int64
	}{
		{"connections", ours.Opened, theirs.Opened},
		{"closed by the client", ours.Closed, theirs.Closed},
		{"closed by the server", ours.Asked, theirs.Asked},
		{"cut by the client", ours.Cut, theirs.Cut},
		{"messages sent, and received", ours.Messages, theirs.Messages},
		{"echoes received, and sent", echoes, theirs.Messages},
	} {
		fmt.Fprintf(s.w, "%-28s %12d %12d\n", row.name, row.ours, row.theirs)
		if row.ours != row.theirs {
			c.problems.add("%s: the client counted %d, the server %d", row.name, row.ours, row.theirs)
		}
	}
	fmt.Fprintf(s.w, "%-28s %12.1f %12.1f\n", "seconds of processor time",
		(after.client.CPU - before.client.CPU).Seconds(), (after.server.CPU - before.server.CPU).Seconds())
	visits := ours.Opened - int64(s.conns)
	fmt.Fprintf(s.w, "churn: %.0f connections a second of %d; %d were left out\n", float64(visits)/s.time.Seconds(), s.churn, c.late.Load())
	if visits < int64(s.time.Seconds()*float64(s.churn))/2 {
		c.problems.add("less than half the churn came about: the machine has no time for it; say -churn")
	}
	for _, g := range s.growth() {
		c.problems.add("%s", g)
	}
	if left := s.left(after, before); left != "" {
		c.problems.add("%s", left)
	}
	return errors.Join(failures("server", after.counts.Problems, after.counts.First), failures("client", c.problems.Count, c.problems.First))
}

// failures returns the problems of one side as an error, or nil.
func failures(side string, count int, first []string) error {
	if count == 0 {
		return nil
	}
	err := fmt.Errorf("%d problems at the %s", count, side)
	for _, text := range first {
		err = fmt.Errorf("%w\n  %s", err, text)
	}
	return err
}
