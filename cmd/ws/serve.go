package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"time"

	ws "github.com/rfc6455/ws/conn"
)

// serveCmd is ws serve.
type serveCmd struct {
	Echo serveEcho `cmd:"" help:"Send each message back."`
	Exec serveExec `cmd:"" help:"Run a command for each connection: a message is a line of its input, and a line of its output is a message."`
	Dir  serveDir  `cmd:"" help:"Serve the files of a folder, with an echo at /echo, for pages to try."`
}

type serveEcho struct{ serveFlags }

func echoEvents() *ws.Events {
	return &ws.Events{Message: func(c *ws.Conn, t ws.MessageType, p []byte) { _ = c.Append(t, p) }}
}

// Run serves an echo.
func (c *serveEcho) Run(a *app) error {
	group := new(ws.Group)
	return c.serve(a, "echo", c.upgrader(group).Handler(echoEvents()), group.Shutdown)
}

type serveDir struct {
	serveFlags
	Path string `arg:"" default:"." type:"existingdir" help:"The folder."`
}

// Run serves files.
func (c *serveDir) Run(a *app) error {
	group := new(ws.Group)
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServerFS(os.DirFS(c.Path)))
	mux.Handle("/echo", c.upgrader(group).Handler(echoEvents()))
	return c.serve(a, "files of "+c.Path+", and an echo at /echo,", mux, group.Shutdown)
}

type serveExec struct {
	serveFlags
	Binary  bool     `help:"Messages are bytes as they come, and not lines."`
	Command []string `arg:"" passthrough:"" help:"The command and its arguments."`
}

// Run serves a command.
func (c *serveExec) Run(a *app) error {
	if len(c.Command) > 0 && c.Command[0] == "--" {
		c.Command = c.Command[1:]
	}
	if len(c.Command) == 0 {
		return errors.New("name a command, such as: ws serve exec cat")
	}
	if _, err := exec.LookPath(c.Command[0]); err != nil {
		return err
	}
	group := new(ws.Group)
	h := c.upgrader(group).HandlerFunc(func(conn *ws.Conn, r *ws.Request) { c.run(a, conn, r) })
	return c.serve(a, "exec "+c.Command[0], h, group.Shutdown)
}

// execGrace is how long a command may go on after the program was told to end. Its input has ended.
const execGrace = 5 * time.Second

// run runs the command for one connection.
func (c *serveExec) run(a *app, conn *ws.Conn, r *ws.Request) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stop := context.AfterFunc(a.ctx, func() { time.AfterFunc(execGrace, cancel) })
	defer stop()
	cmd := exec.CommandContext(ctx, c.Command[0], c.Command[1:]...)
	cmd.Env = append(os.Environ(), "REMOTE_ADDR="+r.RemoteAddr, "REQUEST_URI="+r.Target)
	cmd.Stderr = a.stderr
	cmd.WaitDelay = time.Second
	in, err := cmd.StdinPipe()
	if err != nil {
		_ = conn.Close(ws.CloseInternalError, "")
		return
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(a.stderr, "ws:", err)
		_ = conn.Close(ws.CloseInternalError, "the command did not start")
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() { c.output(conn, out); _ = conn.Close(ws.CloseNormal, "") })
	c.input(conn, in)
	_ = in.Close()
	if e := conn.Err(); e != nil {
		if code, _ := ws.CloseStatus(e); code == ws.CloseAbnormal {
			cancel() // nobody is left to hear what it says
		}
	}
	wg.Wait()
	_ = cmd.Wait()
}

// input writes the messages to the command, until the connection or the command ends.
func (c *serveExec) input(conn *ws.Conn, in io.Writer) {
	var p []byte
	for {
		var err error
		if _, p, err = conn.ReadInto(context.Background(), p[:0]); err != nil {
			return
		}
		if !c.Binary {
			p = append(p, '\n')
		}
		if _, err := in.Write(p); err != nil { // the command has ended; the peer may still close
			continue
		}
	}
}

// output sends what the command says, until its output ends.
func (c *serveExec) output(conn *ws.Conn, out io.Reader) {
	if c.Binary {
		p := make([]byte, 32<<10)
		for {
			n, err := out.Read(p)
			if n > 0 && conn.Write(context.Background(), ws.Binary, p[:n]) != nil || err != nil {
				return
			}
		}
	}
	for s := bufio.NewScanner(out); s.Scan(); {
		err := conn.Write(context.Background(), ws.Text, s.Bytes())
		if conn.Err() != nil {
			return
		}
		if err != nil { // not UTF-8
			_ = conn.Write(context.Background(), ws.Binary, s.Bytes())
		}
	}
}
