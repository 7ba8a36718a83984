// Command genuine runs the Autobahn|Testsuite (wstest) against an echo server and
// an echo client and compares the results with autobahn/expect.json. A result that
// is not expected, better or worse, fails the run.
//
// The suite is a Python 2.7 program. It comes from its Docker image if a daemon answers,
// otherwise from PyPI into an environment in an ignored folder. If neither can be had, the
// run fails and says so. Run it from the module's root:
//
//	go run ./autobahn/cmd/genuine                       # both roles, all 517 cases
//	go run ./autobahn/cmd/genuine -role server -cases '1.*,2.*'
//	go run ./autobahn/cmd/genuine -role server -exclude '9.*,12.*,13.*'
//	go run ./autobahn/cmd/genuine -jobs 2               # two processes, each with half of the cases
//
// The exit status is 0 if all is as expected, 1 if a result is not, and 2 if the
// suite could not be run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/rfc6455/ws/autobahn"
)

// config is what the flags say.
type config struct {
	role, cases, exclude, agent string
	server, client, url         string
	engine, python, venv        string
	reports, expect, summary    string
	jobs                        int
}

func main() {
	var c config
	flag.StringVar(&c.role, "role", "both", "role of the testee: server, client or both")
	flag.StringVar(&c.cases, "cases", "", "cases to run, as patterns with * between commas (default all)")
	flag.StringVar(&c.exclude, "exclude", "", "cases to leave out, likewise")
	flag.StringVar(&c.agent, "agent", "ws", "the testee's name in the reports")
	flag.StringVar(&c.server, "server", "", "command of the echo server, with {addr} (default: build ./autobahn/cmd/echoserver)")
	flag.StringVar(&c.client, "client", "", "command of the echo client, with {url} and {agent} (default: build ./autobahn/cmd/echoclient)")
	flag.StringVar(&c.url, "url", "", "address of an echo server that runs already, instead of -server")
	flag.StringVar(&c.engine, "engine", "auto", "where the suite comes from: docker, python, or auto for the first to be had")
	flag.StringVar(&c.python, "python", "", "a Python 2.7 interpreter (default: look for one)")
	flag.StringVar(&c.venv, "venv", "autobahn/.venv", "folder of the suite's Python environment")
	flag.StringVar(&c.reports, "reports", "autobahn/reports", "folder of the reports")
	flag.StringVar(&c.expect, "expect", "autobahn/expect.json", "file of the expected results")
	flag.StringVar(&c.summary, "summary", "", "Markdown file to write the table of a complete run to")
	flag.IntVar(&c.jobs, "jobs", 1, "how many processes share the cases of a role; the suite uses one processor")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	bad, err := c.run(ctx)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "genuine:", err)
		os.Exit(2)
	case bad > 0:
		fmt.Printf("FAIL: %d results are not as %s expects\n", bad, c.expect)
		os.Exit(1)
	}
	fmt.Println("PASS")
}

// run runs the roles asked for and returns how many results were not expected.
func (c *config) run(ctx context.Context) (bad int, err error) {
	expect, err := autobahn.ReadExpectations(c.expect)
	if err != nil {
		return 0, fmt.Errorf("%w (run from the module's root, or name the file with -expect)", err)
	}
	r, clean, err := c.prepare(ctx)
	if err != nil {
		return 0, err
	}
	defer clean()
	var outcomes []outcome
	for _, role := range []struct {
		name string
		test func(*runner, context.Context) (outcome, error)
	}{{"server", (*runner).testServer}, {"client", (*runner).testClient}} {
		if c.role != "both" && c.role != role.name {
			continue
		}
		o, err := r.share(ctx, c.jobs, role.name, role.test)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", role.name, err)
		}
		diff := expect.Check(r.ids, o.results)
		for _, line := range diff {
			fmt.Printf("%s: %s\n", o.role, line)
		}
		fmt.Printf("%s: %s, in %s\n", o.role, tally(o.results, ""), o.took.Round(time.Second))
		bad += len(diff)
		outcomes = append(outcomes, o)
	}
	if c.summary == "" {
		return bad, nil
	}
	if len(outcomes) < 2 || len(r.ids) < len(autobahn.SuiteIDs()) {
		return 0, errors.New("-summary needs both roles and all cases")
	}
	return bad, writeSummary(c.summary, outcomes, expect)
}

// prepare finds the suite, chooses the cases and builds the testees. The function that it
// returns removes what was built.
func (c *config) prepare(ctx context.Context) (*runner, func(), error) {
	r := &runner{agent: c.agent, url: c.url}
	r.ids = autobahn.Select(autobahn.SuiteIDs(), patterns(c.cases), patterns(c.exclude))
	if len(r.ids) == 0 {
		return nil, nil, fmt.Errorf("no case matches -cases %q -exclude %q", c.cases, c.exclude)
	}
	if c.role != "both" && c.role != "server" && c.role != "client" {
		return nil, nil, fmt.Errorf("-role %q: must be server, client or both", c.role)
	}
	var err error
	if r.reports, err = filepath.Abs(c.reports); err != nil {
		return nil, nil, err
	}
	if r.engine, err = c.findEngine(ctx); err != nil {
		return nil, nil, err
	}
	bin, err := os.MkdirTemp("", "testee")
	if err != nil {
		return nil, nil, err
	}
	clean := func() { os.RemoveAll(bin) }
	if c.role != "client" && c.url == "" {
		r.server, err = testee(ctx, bin, "echoserver", c.server, "-addr", "{addr}")
	}
	if err == nil && c.role != "server" {
		r.client, err = testee(ctx, bin, "echoclient", c.client, "-url", "{url}", "-agent", "{agent}")
	}
	if err != nil {
		clean()
		return nil, nil, err
	}
	return r, clean, nil
}

// findEngine finds the suite where -engine says.
func (c *config) findEngine(ctx context.Context) (engine, error) {
	switch c.engine {
	case "docker", "auto":
		if findDocker(ctx) {
			return docker{}, nil
		}
		if c.engine == "docker" {
			return nil, fmt.Errorf("no Docker daemon with the image %s: start one, or use -engine python", image)
		}
		fallthrough
	case "python":
		p, err := makePython(ctx, c.venv, c.python)
		if err != nil && c.engine == "auto" {
			return nil, fmt.Errorf("neither Docker nor Python 2.7 can run the suite: no Docker daemon answers; %w", err)
		}
		return p, err
	}
	return nil, fmt.Errorf("-engine %q: must be docker, python or auto", c.engine)
}

// testee returns the command line of a testee: the one given, or that of this module's own
// testee, which is built into dir.
func testee(ctx context.Context, dir, name, given string, args ...string) ([]string, error) {
	if given != "" {
		return strings.Fields(given), nil
	}
	program := filepath.Join(dir, name)
	if err := quiet(ctx, nil, "go", "build", "-o", program, "./autobahn/cmd/"+name); err != nil {
		return nil, err
	}
	return append([]string{program}, args...), nil
}

// patterns splits a list at its commas.
func patterns(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}
