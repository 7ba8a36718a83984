package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/frame"
)

// connectCmd is ws connect.
type connectCmd struct {
	dialFlags
	URL       string        `arg:"" help:"The server, such as wss://example.com/chat. Without a scheme it is ws."`
	Frames    bool          `help:"Show each frame."`
	JSONL     bool          `name:"jsonl" help:"For scripts: a line of JSON for each event, and standard input is lines such as {\"text\":\"hello\"} or {\"data\":\"aGVsbG8=\"}."`
	Binary    bool          `help:"Send the lines of standard input as binary messages."`
	Reconnect bool          `help:"Connect again when the connection has ended other than in good order."`
	Retry     time.Duration `default:"1s" help:"How long --reconnect waits at first. The time doubles, up to 30s."`
	Wait      time.Duration `default:"1s" help:"If standard input is no terminal: how long the server must be silent after its end, before the connection is closed. 0: until the server closes."`
	NoColor   bool          `env:"NO_COLOR" help:"Show no colours."`
}

// Run talks to the server: at a prompt if standard input is a terminal.
func (c *connectCmd) Run(a *app) error {
	in, isFile := a.stdin.(*os.File)
	if isFile && isatty.IsTerminal(in.Fd()) && !c.JSONL {
		return c.atPrompt(a)
	}
	show := events(&shower{out: a.stdout, log: a.stderr})
	if c.JSONL {
		show = &jsonShower{jsonWriter{w: a.stdout}}
	}
	return c.fromScript(a, show)
}

// events is where the events of a connection are shown.
type events interface {
	opened(url string, conn *ws.Conn)
	received(t ws.MessageType, p []byte)
	sent(t ws.MessageType, p []byte)
	frame(out bool, h frame.Header)
	pong(rtt time.Duration)
	closed(e *ws.CloseError)
	note(format string, args ...any)
}

// trace returns what shows frames, or nil.
func (c *connectCmd) trace(show events) *ws.Trace {
	if !c.Frames {
		return nil
	}
	return &ws.Trace{
		FrameReceived: func(_ *ws.Conn, h frame.Header) { show.frame(false, h) },
		FrameSent:     func(_ *ws.Conn, h frame.Header) { show.frame(true, h) },
	}
}

// connections dials, and dials again if --reconnect wants it. use uses each connection, and returns
// when it is over. A use that is done with its work returns errDone.
func (c *connectCmd) connections(a *app, show events, use func(conn *ws.Conn) error) error {
	d, err := c.dialer(c.trace(show))
	if err != nil {
		return err
	}
	defer d.close()
	for wait := c.Retry; ; {
		conn, err := d.dial(a.ctx, c.URL)
		if err == nil {
			wait = c.Retry
			show.opened(complete(c.URL), conn)
			err = c.useOnce(a, show, conn, use)
		}
		if !c.Reconnect || err == nil || errors.Is(err, errDone) || a.ctx.Err() != nil || isUsage(err) {
			if errors.Is(err, errDone) || errors.Is(err, errGoingAway) {
				err = nil
			}
			return err
		}
		if _, exit := errors.AsType[exitError](err); !exit {
			show.note("%v", err)
		}
		show.note("connecting again in %v", wait)
		if !sleep(a.ctx, wait+rand.N(wait/4+1)) {
			return nil
		}
		wait = min(2*wait, 30*time.Second)
	}
}

// isUsage reports whether an error would come again: a refusal that a person has to look at.
func isUsage(err error) bool {
	var refused *ws.HandshakeError
	return errors.As(err, &refused) && refused.Status >= 400 && refused.Status < 500
}

// errDone says that there is nothing left to do.
var errDone = errors.New("done")

// errGoingAway says that the peer has closed with 1001, as servers do when they restart. It is no
// failure, and a reason to connect again.
var errGoingAway = errors.New("the server goes away")

// useOnce uses one connection, shows how it ended, and returns the exit status for that.
func (c *connectCmd) useOnce(a *app, show events, conn *ws.Conn, use func(conn *ws.Conn) error) error {
	stop := context.AfterFunc(a.ctx, func() { _ = conn.Close(ws.CloseGoingAway, "") })
	defer stop()
	err := use(conn)
	_ = conn.Close(ws.CloseNormal, "")
	<-conn.Done()
	if e, ok := errors.AsType[*ws.CloseError](conn.Err()); ok {
		show.closed(e)
		if status := exitFor(e.Code); status != nil && !errors.Is(err, errDone) {
			return status
		}
		if e.Code == ws.CloseGoingAway && !errors.Is(err, errDone) {
			return errGoingAway
		}
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// fromScript sends what standard input holds.
func (c *connectCmd) fromScript(a *app, show events) error {
	in := c.scan(a)
	return c.connections(a, show, func(conn *ws.Conn) error {
		heard := receive(a, conn, show.received)
		for {
			select {
			case m, ok := <-in:
				switch {
				case !ok:
					heard.wait(c.Wait)
					return nil
				case m.err != nil:
					return m.err
				}
				show.sent(m.t, m.p)
				if err := conn.Write(a.ctx, m.t, m.p); err != nil {
					return nil // the end says why
				}
			case <-conn.Done():
				return nil
			}
		}
	})
}

// input is a message of standard input.
type input struct {
	t   ws.MessageType
	p   []byte
	err error
}

// scan reads standard input, for all connections.
func (c *connectCmd) scan(a *app) <-chan input {
	in := make(chan input)
	go func() {
		defer close(in)
		n := 0
		err := lines(a.stdin, func(line []byte) error {
			n++
			m := input{t: ws.Text, p: append([]byte{}, line...)}
			if c.Binary {
				m.t = ws.Binary
			}
			if c.JSONL {
				if len(line) == 0 {
					return nil
				}
				r, err := parseRecord(line)
				if err != nil {
					return fmt.Errorf("standard input, line %d: %w", n, err)
				}
				var ok bool
				if m.t, m.p, ok = r.content(); !ok {
					return nil // such as an event that was recorded
				}
			}
			in <- m
			return nil
		})
		if err != nil {
			in <- input{err: err}
		}
	}()
	return in
}

// command acts on a line of the prompt.
func (c *connectCmd) command(a *app, conn *ws.Conn, show events, line string) error {
	verb, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	t, p := ws.Text, []byte(line)
	switch {
	case !strings.HasPrefix(line, "/"):
	case strings.HasPrefix(line, "//"): // a text that begins with a slash
		p = p[1:]
	case verb == "/hex":
		var err error
		if p, err = hex.DecodeString(strings.ReplaceAll(rest, " ", "")); err != nil {
			show.note("/hex: write pairs of digits, such as /hex 00 ff")
			return nil
		}
		t = ws.Binary
	case verb == "/file" || verb == "/textfile":
		var err error
		if p, err = os.ReadFile(rest); err != nil {
			show.note("%v", err)
			return nil
		}
		if verb == "/file" {
			t = ws.Binary
		}
	case verb == "/ping":
		ctx, cancel := context.WithTimeout(a.ctx, c.Timeout)
		defer cancel()
		rtt, err := conn.Ping(ctx)
		if err != nil {
			show.note("no pong: %v", err)
			return nil
		}
		show.pong(rtt)
		return nil
	case verb == "/close":
		return c.closeAs(conn, show, rest)
	case verb == "/quit":
		return errDone
	default:
		show.note("%s", promptHelp)
		return nil
	}
	show.sent(t, p)
	if err := conn.Write(a.ctx, t, p); err != nil && conn.Err() == nil {
		show.note("%v", err) // such as a text that is not UTF-8
	}
	return nil
}

// closeAs is /close.
func (c *connectCmd) closeAs(conn *ws.Conn, show events, rest string) error {
	code, reason := int(ws.CloseNormal), ""
	if rest != "" {
		first, after, _ := strings.Cut(rest, " ")
		if _, err := fmt.Sscanf(first, "%d", &code); err != nil {
			show.note("/close: write a code and a reason, such as /close 4000 enough")
			return nil
		}
		reason = after
	}
	if err := conn.Close(ws.CloseCode(code), reason); err != nil && conn.Err() == nil {
		show.note("%v", err)
		return nil
	}
	return errDone
}

const promptHelp = `a line is sent as text; a command begins with a slash:
  /hex 00 ff       send bytes           /file PATH       send a file's bytes
  //text           send "/text"         /textfile PATH   send a file as text
  /ping            ask for a pong       /close CODE WHY  close
  /quit            close with 1000`
