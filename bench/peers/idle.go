//go:build linux

package main

import (
	"time"

	"github.com/rfc6455/ws/bench/peers/internal/process"
	"github.com/rfc6455/ws/bench/peers/internal/report"
	"github.com/rfc6455/ws/bench/peers/internal/servers"
)

// idle is a cell on one server whose connections have fallen silent.
type idle struct {
	bench
	m      report.Measurement
	conns  int
	before process.Usage
	since  time.Time
}

// startIdle starts the processes of an idle cell and makes its connections. finish ends them.
func (p *plan) startIdle(c *cell, s *servers.Server, rep int) (*idle, error) {
	spec := c.Spec
	spec.Conns = min(spec.Conns, p.Idle)
	if spec.Compression == servers.Takeover && s.IdleTakeover > 0 {
		spec.Conns = min(spec.Conns, s.IdleTakeover)
	}
	i := &idle{conns: spec.Conns, m: report.Measurement{Cell: c.Name, Server: s.Name, Rep: rep}}
	var err error
	if i.before, err = p.start(&i.bench, &spec, s); err != nil {
		i.stop()
		return nil, err
	}
	i.since = time.Now()
	return i, nil
}

// finish waits until the connections have been silent for that long, measures what each of them
// holds, and ends the processes.
func (i *idle) finish(silent time.Duration) (*report.Measurement, error) {
	defer i.stop()
	time.Sleep(time.Until(i.since.Add(silent)))
	var after process.Usage
	if err := i.server.Ask(command{Do: "settle"}, &after); err != nil {
		return nil, err
	}
	i.m.Values = perConnection(i.before, after, i.conns)
	return &i.m, nil
}

// perConnection returns what each of n connections holds.
func perConnection(before, after process.Usage, n int) map[string]float64 {
	per := func(before, after uint64) float64 {
		return (float64(after) - float64(before)) / float64(n)
	}
	return map[string]float64{
		report.RSS:   per(before.RSS, after.RSS),
		report.Heap:  per(before.Heap, after.Heap),
		report.Stack: per(before.Stack, after.Stack),
		report.Conns: float64(n),
	}
}

// measureIdle measures an idle cell on each server. While the connections of one server are silent,
// those of the next are opened.
func (o *options) measureIdle(run *report.Run, c *cell, who []*servers.Server, rep int) {
	var silent []*idle
	finish := func() {
		m, err := silent[0].finish(o.Pause)
		o.record(run, m, err, c.Name, silent[0].m.Server, cmpBase(c))
		silent = silent[1:]
	}
	for _, s := range who {
		if !c.can(s) {
			continue
		}
		i, err := o.startIdle(c, s, rep)
		if err != nil {
			o.record(run, nil, err, c.Name, s.Name, "")
			continue
		}
		silent = append(silent, i)
		for len(silent) > 0 && time.Since(silent[0].since) > o.Pause {
			finish()
		}
	}
	for len(silent) > 0 {
		finish()
	}
}

// startResting starts the cells whose connections stay silent while other cells are measured.
func (o *options) startResting(
	run *report.Run, chosen []cell, who []*servers.Server, rep int,
) (resting []*idle) {
	for i := range chosen {
		c := &chosen[i]
		if !c.Rests {
			continue
		}
		for _, s := range who {
			r, err := o.startIdle(c, s, rep)
			if err != nil {
				o.record(run, nil, err, c.Name, s.Name, "")
				continue
			}
			resting = append(resting, r)
		}
	}
	return resting
}

// measureResting waits until the connections of startResting have been silent for long enough, and
// measures them.
func (o *options) measureResting(run *report.Run, resting []*idle) {
	for _, r := range resting {
		m, err := r.finish(o.Rest)
		o.record(run, m, err, r.m.Cell, r.m.Server, r.m.Cell)
	}
}
