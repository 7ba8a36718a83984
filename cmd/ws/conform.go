package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/mattn/go-isatty"
	"github.com/rfc6455/ws/autobahn"
)

// conformCmd is ws conform.
type conformCmd struct {
	URL       string   `arg:"" help:"An echo server. It has to take messages of 16 MiB, and compression for the cases of 12 and 13."`
	Catalogue string   `enum:"autobahn,rfc,all" default:"autobahn" help:"autobahn: the 517 cases; rfc: what these leave out; all: both."`
	Cases     []string `placeholder:"PATTERN" help:"The cases to run, such as 1.* or 7.7.1."`
	Exclude   []string `placeholder:"PATTERN" help:"The cases to leave out."`
	Agent     string   `default:"server" help:"The server's name in the report."`
	Report    string   `placeholder:"DIR" help:"Write the report to this folder: pages, JSON and JUnit."`
	Parallel  int      `help:"Connections at once. Default: 16."`
	Patience  int      `default:"1" help:"Give the server this many times as long as the Autobahn|Testsuite does."`
	CA        string   `name:"ca" placeholder:"FILE" type:"existingfile" help:"Trust the authorities in this file alone."`
	Insecure  bool     `help:"Do not verify the server's certificate."`
	List      bool     `help:"Show the cases, and run none."`
}

// Run tests the server. The exit status is 1 if a case has not passed.
func (c *conformCmd) Run(a *app) error {
	var all []*autobahn.Case
	if c.Catalogue != "rfc" {
		all = autobahn.Catalogue()
	}
	if c.Catalogue != "autobahn" {
		all = append(all, autobahn.BeyondServers()...)
	}
	cases := autobahn.Pick(all, c.Cases, c.Exclude)
	if len(cases) == 0 {
		return fmt.Errorf("no case matches --cases %s: see --list", strings.Join(c.Cases, ","))
	}
	if c.List {
		for _, k := range cases {
			fmt.Fprintf(a.stdout, "%-8s %s\n", k.ID, k.Description)
		}
		return nil
	}
	tls, err := (&dialFlags{CA: c.CA, Insecure: c.Insecure}).tls()
	if err != nil {
		return err
	}
	var report autobahn.Report
	client := autobahn.Client{
		URL: complete(c.URL), Agent: c.Agent, Cases: cases, Parallel: c.Parallel, Patience: c.Patience, TLS: tls,
		Progress: c.progress(a),
	}
	if err := client.Run(a.ctx, &report); err != nil {
		return err
	}
	if c.Report != "" {
		if err := report.Write(c.Report); err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "report: %s/index.html\n", c.Report)
	}
	if n := len(report.Failures()); n > 0 {
		fmt.Fprintf(a.stdout, "%d of %d cases did not pass\n", n, len(cases))
		return exitError(statusFailed)
	}
	fmt.Fprintf(a.stdout, "all %d cases passed\n", len(cases))
	return nil
}

// progress shows the cases that have not passed and, on a terminal, how far the run is.
func (c *conformCmd) progress(a *app) func(o *autobahn.Outcome, done, total int) {
	f, isFile := a.stderr.(*os.File)
	bar := isFile && isatty.IsTerminal(f.Fd())
	return func(o *autobahn.Outcome, done, total int) {
		if bar {
			fmt.Fprint(a.stderr, "\r\x1b[K")
		}
		if !o.Passed() {
			fmt.Fprintln(a.stdout, o)
		}
		if bar && done < total {
			fmt.Fprintf(a.stderr, "%d of %d  %s", done, total, o.Case.ID)
		}
	}
}
