//go:build linux

package main

import (
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/rfc6455/ws/bench/peers/internal/memory"
	"github.com/rfc6455/ws/bench/peers/internal/process"
	"github.com/rfc6455/ws/bench/peers/internal/report"
)

// inMemory is the main function of the process that measures without system calls.
func inMemory(args []string) error {
	f := flag.NewFlagSet("memory", flag.ContinueOnError)
	d := f.Duration("duration", time.Second, "of one timing")
	if err := f.Parse(args); err != nil {
		return err
	}
	all, err := memory.All(*d)
	return process.Answer(os.Stdout, all, err)
}

// measureMemory runs the process of inMemory once, and prints and keeps what it measures.
func (o *options) measureMemory(run *report.Run, rep int) {
	c, err := process.Start(o.ServerCore, "memory", "-duration", (o.Duration / 4).String())
	if err != nil {
		fmt.Println("memory: not measured:", err)
		return
	}
	defer c.Stop()
	var all []report.Micro
	if err := c.Ask(nil, &all); err != nil {
		fmt.Println("memory: not measured:", err)
		return
	}
	for _, m := range all {
		m.Rep = rep
		run.Micro = append(run.Micro, m)
		fmt.Printf("%-44s %-26s %12.1f ns  %6.2f allocs  %8.1f MB/s  wire %.3f\n",
			m.Group, m.Name, m.NS, m.Allocs, m.MBs, m.Wire)
	}
}
