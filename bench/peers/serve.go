//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/pprof"

	"github.com/rfc6455/ws/bench/peers/internal/process"
	"github.com/rfc6455/ws/bench/peers/internal/servers"
)

// command is a request of the controller to a server process.
type command struct {
	Do   string // "dial", "usage", "settle", "profile" or "profiled"
	File string // of the profile
}

// serve is the main function of the server process. It serves one cell on a free port, or dials,
// and answers commands until its input ends.
func serve(args []string) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	name := flags.String("server", "", "name")
	work := flags.String("work", string(servers.Echo), "kind of work")
	compression := flags.String("compression", "", "mode")
	dial := flags.String("dial", "", "URL to connect to instead of serving")
	conns := flags.Int("conns", 1, "connections to dial, or to broadcast to")
	deep := flags.Bool("deep", false, "use 8 KiB of stack for each message")
	useTLS := flags.Bool("tls", false, "speak TLS")
	if err := flags.Parse(args); err != nil {
		return err
	}
	s := servers.Find(*name)
	if s == nil {
		return fmt.Errorf("there is no server %q", *name)
	}
	if s.Serve == nil {
		return fmt.Errorf("this program was built without -tags %s, which %s needs", s.Tag, s.Name)
	}
	if *dial != "" {
		return obey(os.Stdin, os.Stdout, func() error { return dialAll(s, *dial, *conns) })
	}
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	addr := ln.Addr().String()
	if s.Listen != nil {
		ln = s.Listen(ln)
	}
	if *useTLS {
		if ln, err = servers.Secure(ln); err != nil {
			return err
		}
	}
	go func() {
		err := s.Serve(ln, servers.Setting{
			Work: servers.Work(*work), Compression: servers.Compression(*compression),
			Conns: *conns, Deep: *deep,
		})
		fmt.Fprintf(os.Stderr, "%s: %v\n", s.Name, err)
	}()
	if err := process.Answer(os.Stdout, addr, nil); err != nil {
		return err
	}
	return obey(os.Stdin, os.Stdout, nil)
}

// dialAll makes n connections.
func dialAll(s *servers.Server, url string, n int) error {
	for range n {
		if err := s.Dial(url); err != nil {
			return err
		}
	}
	return nil
}

// obey answers commands until in ends. If the process is the client, dial makes its connections.
func obey(in io.Reader, out io.Writer, dial func() error) error {
	for d := json.NewDecoder(in); ; {
		var c command
		if err := d.Decode(&c); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		v, err := c.run(dial)
		if err := process.Answer(out, v, err); err != nil {
			return err
		}
	}
}

// run does what the command asks for, and returns the answer.
func (c *command) run(dial func() error) (any, error) {
	switch c.Do {
	case "dial":
		return nil, dial()
	case "usage":
		return process.Now()
	case "settle":
		return process.Settle()
	case "profile":
		f, err := os.Create(c.File)
		if err != nil {
			return nil, err
		}
		return nil, pprof.StartCPUProfile(f)
	case "profiled":
		pprof.StopCPUProfile()
		return nil, nil
	}
	return nil, fmt.Errorf("unknown command %q", c.Do)
}
