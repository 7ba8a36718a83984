// Command peers is an echo server or an echo client on other libraries. Conformance suites are
// compared on them:
//
//	peers -library gorilla -addr 127.0.0.1:9001
//	peers -library coder -url ws://127.0.0.1:9001 -agent coder
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"strconv"
)

// maxMessage is the largest message that a suite sends.
const maxMessage = 16 << 20

// library is one library's echo server, and its client for one connection.
type library struct {
	handler http.Handler
	// echo connects to a URL and echoes until the connection ends.
	echo func(ctx context.Context, url string) error
	// first connects to a URL and returns the first message.
	first func(ctx context.Context, url string) ([]byte, error)
}

var libraries = map[string]library{
	"gorilla": {http.HandlerFunc(gorillaServe), gorillaEcho, gorillaFirst},
	"coder":   {http.HandlerFunc(coderServe), coderEcho, coderFirst},
	"xnet":    {xnetServer, xnetEcho, xnetFirst},
}

func main() {
	log.SetFlags(0)
	name := flag.String("library", "gorilla", "gorilla, coder or xnet")
	addr := flag.String("addr", "", "serve on this address")
	base := flag.String("url", "", "or test the client against the fuzzing server there")
	agent := flag.String("agent", "", "the client's name in the report (default: the library's)")
	flag.Parse()
	l, ok := libraries[*name]
	if !ok {
		log.Fatalf("there is no library %q", *name)
	}
	if *agent == "" {
		*agent = *name
	}
	var err error
	switch {
	case *addr != "":
		err = http.ListenAndServe(*addr, l.handler)
	case *base != "":
		err = l.runAll(context.Background(), *base, url.QueryEscape(*agent))
	default:
		err = errors.New("one of -addr and -url is needed")
	}
	if err != nil {
		log.Print(err)
		os.Exit(1)
	}
}

// runAll runs all cases of a fuzzing server. The server judges how a case ends.
func (l library) runAll(ctx context.Context, base, agent string) error {
	b, err := l.first(ctx, base+"/getCaseCount")
	if err != nil {
		return fmt.Errorf("getCaseCount: %w", err)
	}
	n, err := strconv.Atoi(string(b))
	if err != nil {
		return fmt.Errorf("getCaseCount: %w", err)
	}
	for i := range n {
		l.echo(ctx, fmt.Sprintf("%s/runCase?case=%d&agent=%s", base, i+1, agent))
		// The fuzzing server may still be at work: it ends a case by its own clock.
		if _, err := l.first(ctx, fmt.Sprintf("%s/getCaseStatus?case=%d&agent=%s", base, i+1, agent)); err != nil {
			return fmt.Errorf("getCaseStatus of %d: %w", i+1, err)
		}
	}
	l.echo(ctx, base+"/updateReports?agent="+agent) // no message comes, only the end
	return nil
}
