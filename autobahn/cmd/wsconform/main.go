// Command wsconform tests WebSocket endpoints. It sends what the 517 cases of the
// Autobahn|Testsuite send, judges as that suite does, and writes its reports.
//
//	wsconform server-test -url ws://127.0.0.1:9001   test an echo server
//	wsconform serve -addr 127.0.0.1:9001             be the server that echo clients test themselves against
//	wsconform list                                   show the cases
//	wsconform diff A/index.json B/index.json         compare the verdicts of two reports, or of two lists
//
// A server under test echoes each message. A client under test asks for
// /getCaseCount, echoes on /runCase?case=N&agent=NAME for each N from one to that
// number, and ends with /updateReports?agent=NAME.
//
// The exit status is 0 if all cases passed, 1 if one did not, and 2 if the run could
// not be done: if nobody answers at the address, or the answer is a page and no WebSocket.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/rfc6455/ws/autobahn"
)

const usage = `usage: wsconform server-test -url ws://HOST:PORT/ [flags]
       wsconform serve -addr HOST:PORT [flags]
       wsconform list [flags]
       wsconform diff [-ids] A/index.json[,...] B/index.json[,...]
`

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	var err error
	switch os.Args[1] {
	case "server-test":
		err = serverTest(ctx, os.Args[2:])
	case "serve":
		err = serve(ctx, os.Args[2:])
	case "list":
		err = list(os.Args[2:])
	case "diff":
		err = diff(os.Args[2:])
	default:
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	if errors.Is(err, errNotPassed) {
		os.Exit(1)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "wsconform:", err)
		os.Exit(2)
	}
}

// errNotPassed is the error of a run in which a case did not pass.
var errNotPassed = errors.New("not all cases passed")

// selection are the flags that choose cases.
type selection struct{ catalogue, cases, exclude string }

func (s *selection) flags(f *flag.FlagSet) {
	f.StringVar(&s.catalogue, "catalogue", "autobahn", "autobahn: the 517 cases; rfc: what these leave out; all: both")
	f.StringVar(&s.cases, "cases", "", "cases to run, as patterns with * between commas (default all)")
	f.StringVar(&s.exclude, "exclude", "", "cases to leave out, likewise")
}

// pick returns the cases chosen. The second catalogue differs for servers and clients.
func (s *selection) pick(beyond []*autobahn.Case) ([]*autobahn.Case, error) {
	var all []*autobahn.Case
	switch s.catalogue {
	case "autobahn":
		all = autobahn.Catalogue()
	case "rfc":
		all = beyond
	case "all":
		all = append(autobahn.Catalogue(), beyond...)
	default:
		return nil, fmt.Errorf("-catalogue %q: must be autobahn, rfc or all", s.catalogue)
	}
	patterns := func(list string) []string {
		return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
	}
	cases := autobahn.Pick(all, patterns(s.cases), patterns(s.exclude))
	if len(cases) == 0 {
		return nil, fmt.Errorf("no case matches -cases %q -exclude %q", s.cases, s.exclude)
	}
	return cases, nil
}

// Help for the flags that both roles have.
const (
	messagesHelp = "how many messages the cases of 9.7, 9.8, 12 and 13 send, if not 1000 as in the Autobahn|Testsuite"
	patienceHelp = "give the testee this many times as long as the Autobahn|Testsuite does, for machines with much else to do"
)

// serverTest tests an echo server.
func serverTest(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("server-test", flag.ExitOnError)
	var s selection
	s.flags(f)
	url := f.String("url", "", "address of the echo server, ws://HOST:PORT/")
	agent := f.String("agent", "server", "the server's name in the report")
	reports := f.String("reports", "reports/servers", "folder of the report")
	parallel := f.Int("parallel", 0, "connections at once (default 16)")
	messages := f.Int("messages", 0, messagesHelp)
	patience := f.Int("patience", 1, patienceHelp)
	f.Parse(args)
	cases, err := s.pick(autobahn.BeyondServers())
	if err != nil {
		return err
	}
	var report autobahn.Report
	client := autobahn.Client{URL: *url, Agent: *agent, Cases: cases, Parallel: *parallel, RoundTrips: *messages, Patience: *patience}
	client.Progress = progress(os.Stdout)
	if err := client.Run(ctx, &report); err != nil {
		return err
	}
	if err := report.Write(*reports); err != nil {
		return err
	}
	fmt.Printf("report: %s/index.html\n", *reports)
	return summarize(&report)
}

// summarize prints how many cases passed for each agent.
func summarize(report *autobahn.Report) error {
	for agent, results := range report.Index() {
		counts := make(map[string]int)
		for _, r := range results {
			counts[r.Behavior]++
		}
		fmt.Printf("%s: %d cases: %v\n", agent, len(results), counts)
	}
	if n := len(report.Failures()); n > 0 {
		fmt.Printf("FAIL: %d did not pass\n", n)
		return errNotPassed
	}
	fmt.Println("PASS")
	return nil
}

// list shows the cases.
func list(args []string) error {
	f := flag.NewFlagSet("list", flag.ExitOnError)
	var s selection
	s.flags(f)
	role := f.String("role", "server", "show the second catalogue for a server or a client")
	f.Parse(args)
	beyond := autobahn.BeyondServers()
	if *role == "client" {
		beyond = autobahn.BeyondClients()
	}
	cases, err := s.pick(beyond)
	for _, c := range cases {
		fmt.Printf("%-8s %s\n         %s\n", c.ID, c.Description, c.Expectation)
	}
	return err
}
