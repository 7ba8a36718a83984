package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"

	"github.com/rfc6455/ws/autobahn"
)

// serve runs the fuzzing server.
func serve(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("serve", flag.ExitOnError)
	var s selection
	s.flags(f)
	addr := f.String("addr", "127.0.0.1:9001", "address to listen on")
	reports := f.String("reports", "reports/clients", "folder of the report")
	messages := f.Int("messages", 0, messagesHelp)
	patience := f.Int("patience", 1, patienceHelp)
	f.Parse(args)
	cases, err := s.pick(autobahn.BeyondClients())
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", *addr, err)
	}
	done := make(map[string]int)
	show := progress(os.Stdout)
	server := autobahn.Server{
		Cases: cases, Reports: *reports, RoundTrips: *messages, Patience: *patience,
		Progress: func(o *autobahn.Outcome) {
			done[o.Agent]++
			show(o, done[o.Agent], len(cases))
		},
	}
	fmt.Printf("%d cases on ws://%s, the report on http://%s/\n", len(cases), l.Addr(), l.Addr())
	if err := server.Serve(ctx, l); err != nil {
		return err
	}
	if len(server.Report.Index()) == 0 {
		return errors.New("no client came")
	}
	if err := server.Report.Write(*reports); err != nil {
		return err
	}
	fmt.Printf("report: %s/index.html\n", *reports)
	return summarize(&server.Report)
}
