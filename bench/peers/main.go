//go:build linux

// Command peers measures this module beside other WebSocket libraries for Go. All of them do the
// same work. The server and the load generator are two processes, each pinned to a core. The
// command prints what it measures and can write docs/benchmarks.md, which says what the numbers
// mean.
//
//	go run . -quick               # everything once, in less than three minutes
//	go run . -doc ../../docs      # the real run
//	go run . -overview ../../docs # README's plot again, from the figures of the last real run
//	go run . -servers serve,gorilla -cells 128B-64x1 -reps 9
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/rfc6455/ws/bench/peers/internal/load"
	"github.com/rfc6455/ws/bench/peers/internal/report"
	"github.com/rfc6455/ws/bench/peers/internal/servers"
)

func main() {
	var err error
	switch {
	case len(os.Args) > 1 && os.Args[1] == "serve":
		err = serve(os.Args[2:])
	case len(os.Args) > 1 && os.Args[1] == "load":
		err = generate()
	case len(os.Args) > 1 && os.Args[1] == "memory":
		err = inMemory(os.Args[2:])
	default:
		err = control(os.Args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

// options are the flags of the controller.
type options struct {
	plan
	cells, servers string
	reps           int
	quick          bool
	doc, from, out string
	overview       string
}

// parse returns the options of the command line.
func parse(args []string) (*options, error) {
	o := &options{plan: plan{Rest: time.Minute, Pause: 5 * time.Second}}
	f := flag.NewFlagSet("peers", flag.ContinueOnError)
	f.StringVar(&o.cells, "cells", "", "cells to measure, separated by commas, or their "+
		"beginnings with a *; \"memory\" for those without system calls (all)")
	f.StringVar(&o.servers, "servers", "", "servers to measure, separated by commas (all)")
	f.IntVar(&o.reps, "reps", 3, "repetitions; the median is reported")
	f.DurationVar(&o.Duration, "duration", 600*time.Millisecond, "of one timing")
	f.IntVar(&o.Idle, "idle", 10000, "idle connections, at most")
	f.IntVar(&o.ServerCore, "server-core", 0, "core of the servers")
	f.IntVar(&o.LoadCore, "load-core", 1, "core of the load generator")
	f.StringVar(&o.Profile, "profile", "", "folder for CPU profiles of the servers")
	f.BoolVar(&o.quick, "quick", false,
		"one repetition of short timings, with 1000 idle connections")
	f.StringVar(&o.doc, "doc", "", "folder in which to write benchmarks.md and its plots")
	f.StringVar(&o.out, "out", "", "file for everything that was measured")
	f.StringVar(&o.from, "from", "",
		"measure nothing and report what -out has written to this file")
	f.StringVar(&o.overview, "overview", "",
		"measure nothing and draw README's plot in this folder, from the figures there")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	if o.quick {
		o.reps, o.Duration, o.Idle, o.Rest = 1, 200*time.Millisecond, 1000, 5*time.Second
	}
	return o, nil
}

// control is the main function of the controller. It measures, prints and writes the report.
func control(args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	if o.overview != "" {
		return report.WriteOverview(o.overview, sections())
	}
	var run *report.Run
	if o.from != "" {
		run, err = report.Read(o.from)
	} else {
		run, err = o.run()
	}
	if err != nil {
		return err
	}
	if o.out != "" {
		if err := run.Write(o.out); err != nil {
			return err
		}
	}
	if o.doc != "" {
		return run.WriteDoc(o.doc, sections())
	}
	return nil
}

// run measures the chosen cells on the chosen servers.
func (o *options) run() (*report.Run, error) {
	chosen, who, err := o.choose()
	if err != nil {
		return nil, err
	}
	o.Idle = min(o.Idle, raiseFiles())
	run := &report.Run{
		When: time.Now().UTC(), Machine: report.ThisMachine(), Versions: report.Versions(),
		Command: o.command(), Reps: o.reps, Duration: o.Duration,
	}
	fmt.Printf("%v; load %s\n", run.Machine, run.Machine.Load)
	defer o.programs.remove()
	for rep := range o.reps {
		resting := o.startResting(run, chosen, who, rep)
		for i := range chosen {
			switch c := &chosen[i]; {
			case c.Rests:
			case c.Spec.Kind == load.Idle:
				o.measureIdle(run, c, who, rep)
			default:
				o.measureCell(run, c, who, rep)
			}
		}
		if selects(o.cells, "memory") {
			o.measureMemory(run, rep)
		}
		o.measureResting(run, resting)
	}
	return run, nil
}

// record keeps a measurement and prints it. If err is not nil, it prints that instead.
func (o *options) record(
	run *report.Run, m *report.Measurement, err error, cell, server, base string,
) {
	if err != nil {
		fmt.Printf("%-18s %-9s not measured: %v\n", cell, server, err)
		return
	}
	run.Results = append(run.Results, *m)
	fmt.Println(run.Line(m, base, baseline))
}

// command returns the command line that measures the same again.
func (o *options) command() string {
	c := fmt.Sprintf("go run . -reps %d -duration %v -idle %d", o.reps, o.Duration, o.Idle)
	for name, list := range map[string]string{"cells": o.cells, "servers": o.servers} {
		if list != "" {
			c += fmt.Sprintf(" -%s '%s'", name, list)
		}
	}
	return c
}

// measureCell measures one cell on each server, one after another. So a ratio is between two
// measurements of about the same time.
func (o *options) measureCell(run *report.Run, c *cell, who []*servers.Server, rep int) {
	for _, s := range who {
		if c.can(s) {
			m, err := o.measure(c, s, rep)
			o.record(run, m, err, c.Name, s.Name, cmpBase(c))
		}
	}
}

// baseline is the server that ratios refer to.
const baseline = "gorilla"

// cmpBase returns the cell whose baseline the ratios of c refer to.
func cmpBase(c *cell) string {
	if c.Base != "" {
		return c.Base
	}
	return c.Name
}

// choose returns the cells and the servers that -cells and -servers name. The baseline comes first.
func (o *options) choose() ([]cell, []*servers.Server, error) {
	var chosen []cell
	for _, c := range cells() {
		if selects(o.cells, c.Name) {
			chosen = append(chosen, c)
		}
	}
	var who []*servers.Server
	for _, s := range servers.All {
		if selects(o.servers, s.Name) {
			who = append(who, s)
		}
	}
	if len(chosen) == 0 && !selects(o.cells, "memory") || len(who) == 0 {
		return nil, nil, fmt.Errorf("-cells %q and -servers %q choose nothing; there are %s",
			o.cells, o.servers, known())
	}
	slices.SortStableFunc(who, func(a, b *servers.Server) int {
		switch {
		case a.Name == baseline:
			return -1
		case b.Name == baseline:
			return 1
		}
		return 0
	})
	return chosen, who, nil
}

// selects reports whether the list of an option has the name. An empty list has every name.
func selects(list, name string) bool {
	if list == "" {
		return true
	}
	return slices.ContainsFunc(strings.Split(list, ","), func(p string) bool {
		start, open := strings.CutSuffix(p, "*")
		return p == name || open && strings.HasPrefix(name, start)
	})
}

// known returns the names that -cells and -servers may have.
func known() string {
	var all []string
	for _, c := range cells() {
		all = append(all, c.Name)
	}
	all = append(all, "memory;")
	for _, s := range servers.All {
		all = append(all, s.Name)
	}
	return strings.Join(all, " ")
}

// raiseFiles raises the limit of open files for this process and those that it starts. It returns
// for how many connections there is room then.
func raiseFiles() int {
	const want = 40000
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) != nil {
		return 1000
	}
	if l.Cur < want {
		higher := syscall.Rlimit{Cur: want, Max: max(l.Max, want)}
		if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &higher) == nil {
			return want - 100
		}
		l.Cur = l.Max
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l)
	}
	return int(min(l.Cur, want)) - 100
}
