// Command ws talks to WebSocket servers, and is one.
//
//	ws connect wss://example.com/chat    talk at a prompt, or from a script
//	ws serve echo                        a server to try a client with
//	ws proxy tcp :2222 wss://host/ssh    carry TCP over a WebSocket
//	ws proxy show ws://host:9000         show the messages that pass between a client and a server
//	ws record wss://host/ > log.jsonl    keep what comes, with its times
//	ws replay log.jsonl wss://host/      send it again
//	ws bench ws://127.0.0.1:8080         measure a server
//	ws conform ws://127.0.0.1:8080       test a server's protocol
//
// "ws --help" and "ws --man" say more.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
	mangokong "github.com/alecthomas/mango-kong"
	kongcompletion "github.com/jotaen/kong-completion"
)

// commands are the verbs.
type commands struct {
	Connect connectCmd `cmd:"" help:"Connect to a server and talk to it."`
	Serve   serveCmd   `cmd:"" help:"Be a server, to try clients with."`
	Proxy   proxyCmd   `cmd:"" help:"Carry TCP over WebSockets, or show what passes between a client and a server."`
	Record  recordCmd  `cmd:"" help:"Write the messages of a server to standard output as JSON lines, with their times."`
	Replay  replayCmd  `cmd:"" help:"Send recorded messages at the times at which they were recorded."`
	Bench   benchCmd   `cmd:"" help:"Measure an echo server: messages per second and latencies."`
	Conform conformCmd `cmd:"" help:"Test the protocol of an echo server, with the 517 cases of the Autobahn|Testsuite."`

	Version    kong.VersionFlag          `help:"Write the version to standard output."`
	Man        mangokong.ManFlag         `help:"Write the manual page to standard output, for man -l."`
	Completion kongcompletion.Completion `cmd:"" help:"Say how to switch on the shell's completions."`
}

// app is what the verbs have in common.
type app struct {
	ctx    context.Context
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
}

// The exit statuses beside those of close codes.
const (
	statusFailed = 1  // no connection, or the work failed
	statusUsage  = 64 // the command line makes no sense
)

// exitError ends the program with a status. The error has been shown, or there is none.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// usageError is a mistake in the command line that shows only after it was parsed.
type usageError struct{ error }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(&app{ctx: ctx, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}, os.Args[1:]))
}

// exited carries the exit status out of kong, which ends the program for --help.
type exited int

// run runs the command and returns the exit status.
func run(a *app, args []string) (status int) {
	defer func() {
		if v, ok := recover().(exited); ok {
			status = int(v)
		}
	}()
	var c commands
	parser, err := kong.New(&c, kong.Name("ws"), kong.Description("Talk to WebSocket servers, and be one."),
		kong.Writers(a.stdout, a.stderr), kong.Exit(func(status int) { panic(exited(status)) }),
		kong.UsageOnError(), kong.Vars{"version": version()}, kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.Bind(a))
	if err != nil {
		fmt.Fprintln(a.stderr, "ws:", err)
		return statusFailed
	}
	kongcompletion.Register(parser)
	k, err := parser.Parse(args)
	if err != nil {
		if parse, ok := errors.AsType[*kong.ParseError](err); ok {
			k = parse.Context
		}
		return a.misused(err, k)
	}
	err = k.Run()
	var exit exitError
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return int(exit)
	case errors.As(err, &usage):
		return a.misused(err, k)
	}
	fmt.Fprintln(a.stderr, "ws:", explain(err))
	return statusFailed
}

// misused says what is wrong with the command line, and where the help of its command is.
func (a *app) misused(err error, k *kong.Context) int {
	command := "ws"
	if k != nil && k.Selected() != nil {
		command = k.Selected().FullPath()
	}
	fmt.Fprintf(a.stderr, "ws: %v\nSee \"%s --help\".\n", err, command)
	return statusUsage
}

// version says which version this is, and which Go has built it.
func version() string {
	v := "of unknown version"
	if info, ok := debug.ReadBuildInfo(); ok {
		v = info.Main.Version
	}
	return fmt.Sprintf("ws %s, %s", v, runtime.Version())
}
