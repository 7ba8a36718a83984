package main

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/peterh/liner"
	ws "github.com/rfc6455/ws/conn"
)

const promptText = "> "

// prompt reads lines from the terminal, for one connection after the other.
type prompt struct {
	line    *liner.State
	ask     chan struct{} // holds an element while a line is wanted and not asked for yet
	typed   chan string   // closed when the person ends the input
	waiting atomic.Bool   // the prompt is on the screen
	once    sync.Once
}

// historyFile returns where the lines of earlier runs are kept, or "".
func historyFile() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "ws", "history")
}

func newPrompt() *prompt {
	p := &prompt{line: liner.NewLiner(), ask: make(chan struct{}, 1), typed: make(chan string)}
	p.line.SetCtrlCAborts(true)
	p.line.SetCompleter(func(line string) (c []string) {
		for _, verb := range []string{"/hex ", "/file ", "/textfile ", "/ping", "/close ", "/quit", "/help"} {
			if len(line) > 0 && len(line) < len(verb) && verb[:len(line)] == line {
				c = append(c, verb)
			}
		}
		return c
	})
	if f, err := os.Open(historyFile()); err == nil {
		_, _ = p.line.ReadHistory(f)
		_ = f.Close()
	}
	go p.read()
	return p
}

// read reads lines until the person ends the input.
func (p *prompt) read() {
	defer close(p.typed)
	for range p.ask {
		text, err := "", error(nil)
		for text == "" && err == nil {
			p.waiting.Store(true)
			text, err = p.line.Prompt(promptText)
			p.waiting.Store(false)
		}
		if err != nil { // Ctrl-D, Ctrl-C
			return
		}
		p.line.AppendHistory(text)
		p.typed <- text
	}
}

// close restores the terminal and keeps the history.
func (p *prompt) close() {
	p.once.Do(func() {
		if name := historyFile(); name != "" && os.MkdirAll(filepath.Dir(name), 0o700) == nil {
			if f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600); err == nil {
				_, _ = p.line.WriteHistory(f)
				_ = f.Close()
			}
		}
		_ = p.line.Close()
	})
}

// atPrompt talks to the server at a prompt.
func (c *connectCmd) atPrompt(a *app) error {
	show := &shower{out: a.stdout, colour: !c.NoColor}
	var p *prompt
	defer func() {
		if p != nil {
			p.close()
		}
	}()
	return c.connections(a, show, func(conn *ws.Conn) error {
		if p == nil {
			p = newPrompt()
			show.mu.Lock()
			show.prompting = p.waiting.Load
			show.mu.Unlock()
			show.note("type a line to send it, /help for more, Ctrl-D to end")
			p.ask <- struct{}{}
		}
		receive(a, conn, show.received)
		for {
			select {
			case line, ok := <-p.typed:
				if !ok {
					return errDone
				}
				if err := c.command(a, conn, show, line); errors.Is(err, errDone) {
					return err
				}
				p.ask <- struct{}{}
			case <-conn.Done():
				return nil
			case <-a.ctx.Done():
				return errDone
			}
		}
	})
}
