package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/rfc6455/ws/autobahn"
)

// engine starts wstest, in one of the ways in which it can be had. The last
// argument is the path of the specification file.
type engine interface {
	command(ctx context.Context, args ...string) *exec.Cmd
}

// runner runs the suite against one testee.
type runner struct {
	engine  engine
	reports string   // absolute; each role gets a folder in it
	agent   string   // the testee's name in the reports
	part    string   // of several that share the cases: which; empty: there is one
	ids     []string // the cases
	server  []string // command of the echo server, with {addr}; nil: one runs already at url
	url     string
	client  []string // command of the echo client, with {url} and {agent}
}

// outcome is what a run in one role gave.
type outcome struct {
	role    string
	results map[string]autobahn.Result
	took    time.Duration
}

// testServer runs the fuzzing client against the echo server.
func (r *runner) testServer(ctx context.Context) (outcome, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	url := r.url
	if url == "" {
		addr, err := freeAddr()
		if err != nil {
			return outcome{}, err
		}
		url = "ws://" + addr
		server, err := start(ctx, fill(r.server, "{addr}", addr), addr)
		if err != nil {
			return outcome{}, err
		}
		defer stop(server)
	}
	spec := map[string]any{"servers": []any{map[string]string{"agent": r.agent, "url": url}}}
	begin := time.Now()
	cmd, err := r.wstest(ctx, "server", "fuzzingclient", spec)
	if err != nil {
		return outcome{}, err
	}
	if err := cmd.Run(); err != nil {
		return outcome{}, fmt.Errorf("wstest: %w (its output is in %s)", err, r.log("server"))
	}
	return r.collect("server", begin)
}

// testClient runs the fuzzing server against the echo client.
func (r *runner) testClient(ctx context.Context) (outcome, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	addr, err := freeAddr()
	if err != nil {
		return outcome{}, err
	}
	url := "ws://" + addr
	cmd, err := r.wstest(ctx, "client", "fuzzingserver", map[string]any{"url": url})
	if err != nil {
		return outcome{}, err
	}
	begin := time.Now()
	if err := startAndWait(cmd, addr); err != nil {
		return outcome{}, fmt.Errorf("wstest: %w (its output is in %s)", err, r.log("client"))
	}
	defer stop(cmd)
	args := fill(r.client, "{url}", url, "{agent}", r.agent)
	client := exec.CommandContext(ctx, args[0], args[1:]...)
	client.Stdout, client.Stderr = os.Stderr, os.Stderr
	if err := client.Run(); err != nil {
		return outcome{}, fmt.Errorf("echo client: %w", err)
	}
	return r.collect("client", begin)
}

// wstest writes the specification and prepares the command for one mode of the suite. The
// suite's output goes to a log file and, condensed, to standard output.
func (r *runner) wstest(ctx context.Context, role, mode string, spec map[string]any) (*exec.Cmd, error) {
	dir := filepath.Join(r.reports, role)
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		return nil, err
	}
	spec["outdir"] = dir
	spec["cases"] = r.ids
	b, err := json.MarshalIndent(spec, "", "  ")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(r.reports, role+".spec.json")
	if err := os.WriteFile(file, b, 0o644); err != nil {
		return nil, err
	}
	log, err := os.Create(r.log(role))
	if err != nil {
		return nil, err
	}
	cmd := r.engine.command(ctx, "-m", mode, "-u", "0", "-s", file)
	gentle(cmd)
	cmd.Stdout = io.MultiWriter(log, &progress{role: role + r.part, total: len(r.ids)})
	cmd.Stderr = log
	return cmd, nil
}

func (r *runner) log(role string) string { return filepath.Join(r.reports, role+".log") }

// collect reads the results of a finished run.
func (r *runner) collect(role string, begin time.Time) (outcome, error) {
	index, err := autobahn.ReadIndex(filepath.Join(r.reports, role, "index.json"))
	if err != nil {
		return outcome{}, fmt.Errorf("the suite wrote no report: %w", err)
	}
	return outcome{role, index[r.agent], time.Since(begin)}, nil
}

// progress counts the cases that wstest says it has started.
type progress struct {
	role        string
	total, done int
	line        []byte
}

// Write implements io.Writer.
func (p *progress) Write(b []byte) (int, error) {
	for _, c := range b {
		if c != '\n' {
			p.line = append(p.line, c)
			continue
		}
		if strings.HasPrefix(string(p.line), "Running test case ID") {
			if p.done++; p.done%50 == 0 || p.done == p.total {
				fmt.Printf("%s: %d of %d cases\n", p.role, p.done, p.total)
			}
		}
		p.line = p.line[:0]
	}
	return len(b), nil
}

// freeAddr returns a loopback address on which nothing listens.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// fill replaces placeholders in the arguments of a command.
func fill(args []string, oldnew ...string) []string {
	replacer := strings.NewReplacer(oldnew...)
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = replacer.Replace(a)
	}
	return out
}

// start starts a testee and waits until it accepts connections at addr.
func start(ctx context.Context, args []string, addr string) (*exec.Cmd, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	gentle(cmd)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := startAndWait(cmd, addr); err != nil {
		return nil, fmt.Errorf("%s: %w", strings.Join(args, " "), err)
	}
	return cmd, nil
}

// startAndWait starts cmd and waits until something accepts connections at addr.
func startAndWait(cmd *exec.Cmd, addr string) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	deadline := time.Now().Add(30 * time.Second)
	for time.Now().Before(deadline) {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			return c.Close()
		}
		time.Sleep(50 * time.Millisecond)
	}
	stop(cmd)
	return fmt.Errorf("nothing listens on %s after 30 s", addr)
}

// gentle makes the end of the context an interrupt, and a kill after that, so that a container
// is removed and a testee can clean up.
func gentle(cmd *exec.Cmd) {
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
}

// stop ends a process that does not end by itself.
func stop(cmd *exec.Cmd) {
	cmd.Process.Signal(os.Interrupt)
	timer := time.AfterFunc(5*time.Second, func() { cmd.Process.Kill() })
	cmd.Wait()
	timer.Stop()
}
