//go:build linux

package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/rfc6455/ws/bench/peers/internal/load"
	"github.com/rfc6455/ws/bench/peers/internal/process"
	"github.com/rfc6455/ws/bench/peers/internal/report"
	"github.com/rfc6455/ws/bench/peers/internal/servers"
)

// plan is how a comparison is run.
type plan struct {
	ServerCore, LoadCore int
	Duration             time.Duration // of one timing
	Idle                 int           // idle connections, at most
	Rest                 time.Duration // how long connections are silent in cells with Rests
	Pause                time.Duration // and in the other idle cells
	Profile              string        // folder for CPU profiles of the servers; "": none

	programs programs // of the servers that have a Tag
}

// bench is the two processes with which a cell is measured.
type bench struct {
	server, load *process.Child
}

// measure runs one cell on one server, once, with processes of its own. It is not for idle cells.
func (p *plan) measure(c *cell, s *servers.Server, rep int) (*report.Measurement, error) {
	spec := c.Spec
	var b bench
	defer b.stop()
	if _, err := p.start(&b, &spec, s); err != nil {
		return nil, err
	}
	values, err := p.time(&b, &spec, fmt.Sprintf("%s.%s.%d.prof", c.Name, s.Name, rep))
	return &report.Measurement{Cell: c.Name, Server: s.Name, Rep: rep, Values: values}, err
}

// start starts the processes of a cell and connects them. It returns what the server used before.
// If memory is measured, that is after one connection has come and gone: see serveFirst.
func (p *plan) start(
	b *bench, spec *load.Spec, s *servers.Server,
) (before process.Usage, err error) {
	if b.load, err = process.Start(p.LoadCore, "load"); err != nil {
		return before, err
	}
	if spec.Dialed {
		return p.startDialed(b, spec, s)
	}
	b.server, err = p.startServer(s, "-work", string(spec.Work()), "-compression", string(spec.Compression),
		fmt.Sprintf("-conns=%d", spec.Conns), fmt.Sprintf("-deep=%t", spec.Deep), fmt.Sprintf("-tls=%t", spec.TLS))
	if err != nil {
		return before, err
	}
	if err := b.server.Ask(nil, &spec.Addr); err != nil {
		return before, err
	}
	if err := p.serveFirst(spec); err != nil {
		return before, err
	}
	if err := b.server.Ask(command{Do: "settle"}, &before); err != nil {
		return before, err
	}
	return before, b.load.Ask(spec, nil)
}

// startServer starts the process of a server.
func (p *plan) startServer(s *servers.Server, args ...string) (*process.Child, error) {
	args = append([]string{"serve", "-server", s.Name}, args...)
	if s.Tag == "" {
		return process.Start(p.ServerCore, args...)
	}
	exe, err := p.programs.build(s.Tag)
	if err != nil {
		return nil, err
	}
	return process.StartFile(exe, p.ServerCore, args...)
}

// serveFirst lets the server serve one connection, which ends again, if memory is measured. What a
// process needs only once is then there already, and counts for no connection. The pages of its
// code are such memory, a megabyte with net/http.
func (p *plan) serveFirst(spec *load.Spec) error {
	if spec.Kind != load.Idle {
		return nil
	}
	child, err := process.Start(p.LoadCore, "load")
	if err != nil {
		return err
	}
	defer child.Stop()
	one := *spec
	one.Conns = 1
	return child.Ask(&one, nil)
}

// startDialed is start for a cell in which the measured process dials.
func (p *plan) startDialed(
	b *bench, spec *load.Spec, s *servers.Server,
) (before process.Usage, err error) {
	if err := b.load.Ask(spec, &spec.Addr); err != nil {
		return before, err
	}
	b.server, err = p.startServer(s,
		"-dial", "ws://"+spec.Addr+"/", "-conns", strconv.Itoa(spec.Conns))
	if err != nil {
		return before, err
	}
	if err := b.server.Ask(command{Do: "settle"}, &before); err != nil {
		return before, err
	}
	if err := b.server.Ask(command{Do: "dial"}, nil); err != nil {
		return before, err
	}
	return before, b.load.Ask(nil, nil)
}

// stop ends the processes.
func (b *bench) stop() {
	if b.load != nil {
		b.load.Stop()
	}
	if b.server != nil {
		b.server.Stop()
	}
}

// maxMessages bounds the messages of a timing. No server answers nearly as many in a second.
const maxMessages = 20_000_000

// time warms the server up, and then measures one timed run.
func (p *plan) time(b *bench, spec *load.Spec, profile string) (map[string]float64, error) {
	if err := b.load.Ask(timing{Duration: p.Duration / 4, Messages: maxMessages}, nil); err != nil {
		return nil, err
	}
	if p.Profile != "" {
		begin := command{Do: "profile", File: filepath.Join(p.Profile, profile)}
		if err := b.server.Ask(begin, nil); err != nil {
			return nil, err
		}
	}
	var before, after process.Usage
	if err := b.server.Ask(command{Do: "usage"}, &before); err != nil {
		return nil, err
	}
	var r load.Result
	if err := b.load.Ask(timing{Duration: p.Duration, Messages: maxMessages}, &r); err != nil {
		return nil, err
	}
	if err := b.server.Ask(command{Do: "usage"}, &after); err != nil {
		return nil, err
	}
	if p.Profile != "" {
		if err := b.server.Ask(command{Do: "profiled"}, nil); err != nil {
			return nil, err
		}
	}
	return speed(before, after, r, spec), nil
}

// speed returns the values of a timed run. before and after are the server's usage.
func speed(before, after process.Usage, r load.Result, spec *load.Spec) map[string]float64 {
	n := float64(max(1, r.Messages))
	user, system := float64(after.User-before.User), float64(after.System-before.System)
	values := map[string]float64{
		report.CPU:    (user + system) / n / 1e3,
		report.User:   user / n / 1e3,
		report.System: system / n / 1e3,
		report.Rate:   n / r.Elapsed.Seconds(),
		report.P50:    float64(r.P50) / 1e3,
		report.P99:    float64(r.P99) / 1e3,
		report.Allocs: float64(after.Allocs-before.Allocs) / n,
		report.Bytes:  float64(after.AllocBytes-before.AllocBytes) / n,
	}
	if spec.Compression != servers.Off {
		values[report.PerByte] = (user + system) / float64(max(1, r.Text))
		values[report.Wire] = float64(r.WireIn) / float64(max(1, r.Text))
	}
	return values
}
