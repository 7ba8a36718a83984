//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// plan is what the soak does.
type plan struct {
	conns, active, churn int
	time                 time.Duration
}

func main() {
	var p plan
	flag.IntVar(&p.conns, "conns", 10000, "connections that stay")
	flag.IntVar(&p.active, "active", 1, "of these, so many in a hundred are active at a time")
	flag.IntVar(&p.churn, "churn", 2000, "connections that come and go, each second")
	flag.DurationVar(&p.time, "time", 10*time.Minute, "how long")
	flag.Parse()
	var err error
	switch {
	case flag.NArg() == 1 && flag.Arg(0) == "serve":
		err = serve()
	case flag.NArg() > 0 || p.conns < 1 || p.active < 0 || p.active > 100 || p.churn < 0 || p.time < 10*time.Second:
		err = errors.New("it takes flags alone: at least one connection, at most 100 in 100 active, at least 10s")
	default:
		err = p.run(os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

// run runs the soak.
func (p *plan) run(w io.Writer) error {
	if err := checkDescriptors(p.conns + churnAtOnce); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(bg, p.time+10*time.Minute) // it stops by itself, whatever happens
	defer cancel()
	context.AfterFunc(ctx, func() {
		if ctx.Err() == context.DeadlineExceeded {
			fmt.Fprintln(os.Stderr, "soak: it hangs")
			os.Exit(1)
		}
	})
	process, err := startServer(ctx)
	if err != nil {
		return err
	}
	defer process.stop()
	c, err := newClient(&process.hello)
	if err != nil {
		return err
	}
	s := &soak{plan: p, w: w, process: process, client: c}
	return s.run(ctx)
}

// process is the server's process, as the client sees it.
type process struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *json.Decoder
	hello greeting
}

func startServer(ctx context.Context) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.CommandContext(ctx, self, "serve")}
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.out = json.NewDecoder(bufio.NewReader(out))
	if err := p.out.Decode(&p.hello); err != nil {
		p.stop()
		return nil, fmt.Errorf("the server did not start: %w", err)
	}
	return p, nil
}

// report asks the server for its report.
func (p *process) report() (r report, err error) {
	if _, err = io.WriteString(p.in, "\n"); err == nil {
		err = p.out.Decode(&r)
	}
	if err != nil {
		return r, fmt.Errorf("the server does not answer: %w", err)
	}
	return r, nil
}

// stop ends the server by closing its input.
func (p *process) stop() {
	_ = p.in.Close()
	_ = p.cmd.Wait()
}

// soak is one run.
type soak struct {
	*plan
	w       io.Writer
	process *process
	client  *client
	start   time.Time
	samples []sample
}

func (s *soak) run(ctx context.Context) error {
	s.start = time.Now()
	before, err := s.sample("before")
	if err != nil {
		return err
	}
	all := s.client.hold(s.conns)
	if _, err := s.sample("connected"); err != nil {
		return err
	}
	if err := s.load(ctx, all); err != nil {
		return err
	}
	s.client.release(all)
	after, err := s.settle(before)
	if err != nil {
		return err
	}
	return s.verdict(before, after)
}

// load keeps connections active and others coming and going for the time of the plan. Meanwhile it
// samples both processes.
func (s *soak) load(ctx context.Context, all []*held) error {
	ctx, cancel := context.WithTimeout(ctx, s.time)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { s.client.churn(ctx, s.churn) })
	active := s.conns * s.active / 100
	for share := range active {
		wg.Go(func() { s.client.activate(ctx, all, share, active) })
	}
	tick := time.NewTicker(max(s.time/samplesWanted, time.Second))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if _, err := s.sample("load"); err != nil {
				cancel()
				return err
			}
		}
	}
}

// settle waits until both processes hold what they held before, but no longer than patience.
func (s *soak) settle(before sample) (after sample, err error) {
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Second) {
		after, err = s.look("after")
		if err != nil || s.left(after, before) == "" || time.Now().After(deadline) {
			s.add(after)
			return after, err
		}
	}
}
