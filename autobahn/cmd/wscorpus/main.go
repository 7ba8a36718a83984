// Command wscorpus runs the conformance corpus against implementations and prints a matrix, the
// cases first on which they disagree. Each argument is a name and the command of a shim:
//
//	go run ./autobahn/cmd/wscorpus 'ours=go run ./autobahn/cmd/corpusshim' 'mine=python3 shim.py'
//
// It exits with 1 if an implementation did not pass a case whose verdict is must, or could not be
// run. -chunk n sends the input in chunks of n bytes, -cases names another file than the corpus of
// this module.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/rfc6455/ws/autobahn/corpus"
)

func main() {
	log.SetFlags(0)
	chunk := flag.Int("chunk", 0, "send chunks of that many bytes; 0: those of the case")
	file := flag.String("cases", "", "file of cases; default: the corpus of this module")
	flag.Parse()
	cases, err := read(*file)
	if err != nil {
		log.Fatal(err)
	}
	if *chunk > 0 {
		for i := range cases {
			cases[i] = corpus.Rechunk(cases[i], *chunk)
		}
	}
	failed := false
	var columns []corpus.Column
	for _, arg := range flag.Args() {
		name, command, ok := strings.Cut(arg, "=")
		if !ok || strings.TrimSpace(command) == "" {
			log.Fatalf("%q: want a name, =, and a command", arg)
		}
		results, err := corpus.Run(context.Background(), strings.Fields(command), cases)
		if err != nil {
			log.Printf("%s: %v", name, err)
			failed = true
			continue
		}
		for i, r := range results {
			failed = failed || r.Why != "" && cases[i].Verdict == "must"
		}
		columns = append(columns, corpus.Column{Name: name, Results: results})
	}
	fmt.Printf("%d cases\n\n", len(cases))
	corpus.Write(os.Stdout, cases, columns)
	if failed {
		os.Exit(1)
	}
}

func read(file string) ([]corpus.Case, error) {
	if file == "" {
		return corpus.Cases()
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return corpus.Read(f)
}
