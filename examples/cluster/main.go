// Command cluster is a chat on three nodes, which are processes of this one program. Each node has a
// web server, and a NATS server in it. The NATS servers form a cluster, and store each message on
// all nodes. Kill one of the processes: its tabs move to another node, and go on where they were.
//
//	go run . -port 8090
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
)

var (
	port  = flag.Int("port", 8090, "the first of the ports on 127.0.0.1: of three web servers, and then of three NATS servers")
	only  = flag.Int("node", -1, "run this node alone, 0, 1 or 2; without it, all three run as processes of their own")
	store = flag.String("store", "", "the directory for messages; without it, one that is removed at the end")
)

const nodes = 3

func main() {
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if *only >= 0 {
		err = runNode(ctx, *only)
	} else {
		err = runAll(ctx)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// webAddr and routeAddr are where node i listens.
func webAddr(i int) string   { return "127.0.0.1:" + strconv.Itoa(*port+i) }
func routeAddr(i int) string { return "127.0.0.1:" + strconv.Itoa(*port+nodes+i) }

// runAll runs the nodes as processes, until ctx ends or all have ended.
func runAll(ctx context.Context) error {
	dir := *store
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "cluster-"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	var all sync.WaitGroup
	for i := range nodes {
		cmd := exec.CommandContext(ctx, os.Args[0], "-node", strconv.Itoa(i), "-port", strconv.Itoa(*port), "-store", dir)
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			return err
		}
		if _, err := cmd.StdinPipe(); err != nil { // a node ends if this process does
			return err
		}
		if err := cmd.Start(); err != nil {
			return err
		}
		all.Go(func() { follow(i, cmd, out) })
	}
	all.Wait()
	return nil
}

// follow prints what a node says, and how it ends.
func follow(i int, cmd *exec.Cmd, out io.Reader) {
	fmt.Printf("node %d is process %d; to kill it: kill -9 %d\n", i, cmd.Process.Pid, cmd.Process.Pid)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		fmt.Printf("node %d %s\n", i, lines.Text())
	}
	if err := cmd.Wait(); err != nil {
		fmt.Printf("node %d has ended: %v\n", i, err)
	}
}
