//go:build unix

package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	ws "github.com/rfc6455/ws/conn"
)

// terminal is the command in a terminal: what a person types, and what a person sees.
type terminal struct {
	t      *testing.T
	file   *os.File
	screen safeBuffer
	cmd    *exec.Cmd
	read   chan struct{}
}

// programPath is where the tests' command was built.
var programPath string

// program builds the command, once.
func program(t *testing.T) string {
	t.Helper()
	if programPath == "" {
		path := filepath.Join(os.Getenv("XDG_CACHE_HOME"), "ws-program")
		build := exec.Command("go", "build", "-o", path, ".")
		build.Env = environment // with go's own cache
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		programPath = path
	}
	return programPath
}

func inTerminal(t *testing.T, env []string, args ...string) *terminal {
	t.Helper()
	cmd := exec.Command(program(t), args...)
	cmd.Env = append(append(os.Environ(), "TERM=xterm"), env...)
	file, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80})
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{t: t, file: file, cmd: cmd, read: make(chan struct{})}
	go func() {
		defer close(term.read)
		_, _ = io.Copy(&term.screen, file)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = file.Close()
		<-term.read
	})
	return term
}

// types types a text.
func (term *terminal) types(text string) {
	term.t.Helper()
	if _, err := io.WriteString(term.file, text); err != nil {
		term.t.Fatal(err)
	}
}

// sees waits until the screen shows what matches the pattern.
func (term *terminal) sees(pattern string) {
	term.t.Helper()
	term.screen.await(term.t, pattern)
}

// ends waits for the exit status.
func (term *terminal) ends(status int) {
	term.t.Helper()
	kill := time.AfterFunc(patience, func() { _ = term.cmd.Process.Kill() })
	_ = term.cmd.Wait()
	kill.Stop()
	if got := term.cmd.ProcessState.ExitCode(); got != status {
		term.t.Errorf("exit status %d, want %d; the screen: %q", got, status, term.screen.String())
	}
}

// TestPrompt talks to a server at the prompt.
func TestPrompt(t *testing.T) {
	url := server(t, ws.Upgrader{}, echoing)
	file := filepath.Join(t.TempDir(), "bytes")
	if err := os.WriteFile(file, []byte("from a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	term := inTerminal(t, nil, "connect", url)
	term.sees(`\x1b\[90m\d\d:\d\d:\d\d\.\d\d\d.*connected to ` + url)
	term.sees(`> $`)
	term.types("hello\r")
	term.sees(`\x1b\[34m> hello`)
	term.sees(`\x1b\[32m< hello`)
	term.types("/hex 00 ff\r")
	term.sees(`< 2 bytes 00ff`)
	term.types("/hex 0\r")
	term.sees(`pairs of digits`)
	term.types("//slash\r")
	term.sees(`< /slash`)
	term.types("/file " + file + "\r")
	term.sees(`< 11 bytes 66726f6d`)
	term.types("/textfile " + file + "\r")
	term.sees(`< from a file`)
	term.types("/file /nowhere/at/all\r")
	term.sees(`no such file`)
	term.types("/ping\r")
	term.sees(`pong after`)
	term.types("/wat\r")
	term.sees(`a line is sent as text`)
	term.types("/clo\t") // completes
	term.types("12 x\r")
	term.sees(`may not be sent|close code`)
	term.types("\x1b[A\x1b[A\x1b[A\r") // history: /ping
	term.sees(`(?s)pong after.*pong after`)
	term.types("/close 4000 enough\r")
	term.sees(`closed with 4000`)
	term.ends(0)
}

// TestPromptHistory keeps the lines from one run to the next.
func TestPromptHistory(t *testing.T) {
	url := server(t, ws.Upgrader{}, echoing)
	dir := []string{"XDG_CACHE_HOME=" + t.TempDir()}
	term := inTerminal(t, dir, "connect", url, "--no-color")
	term.sees(`> $`)
	term.types("remember me\r")
	term.sees(`< remember me`)
	term.types("\x04") // Ctrl-D
	term.sees(`closed with 1000`)
	term.ends(0)
	if regexp.MustCompile(`\x1b\[[0-9;]+m`).MatchString(term.screen.String()) {
		t.Errorf("colours with --no-color: %q", term.screen.String())
	}
	term = inTerminal(t, dir, "connect", url)
	term.sees(`> $`)
	term.types("\x1b[A\r")
	term.sees(`< remember me`)
	term.types("/quit\r")
	term.ends(0)
}

// TestPromptFrames shows frames, and how the server closes.
func TestPromptFrames(t *testing.T) {
	url := server(t, ws.Upgrader{}, func(c *ws.Conn, _ *ws.Request) {
		_, p, _ := c.Read(context.Background())
		_ = c.Write(context.Background(), ws.Text, []byte("\x1b[2J"+string(p)))
		_, _, _ = c.Read(context.Background())
		_ = c.Close(4008, "too \x1b much")
	})
	term := inTerminal(t, nil, "connect", url, "--frames")
	term.sees(`> $`)
	term.types("x\r")
	term.sees(`> frame text, 1 bytes`)
	term.sees(`< frame text, 5 bytes`)
	term.sees(`< \\u001b\[2Jx`)
	term.types("y\r")
	term.sees(`closed with 4008: too \\u001b much`)
	term.ends(40)
}

// TestPromptErrors says what to do, in a terminal, too.
func TestPromptErrors(t *testing.T) {
	missing := httptest.NewServer(http.NotFoundHandler())
	defer missing.Close()
	u := ws.Upgrader{}
	untrusted, _ := secure(t, u.HandlerFunc(echoing), nil)
	for url, hint := range map[string]string{
		"127.0.0.1:1": `Nobody listens there`,
		strings.TrimPrefix(missing.URL, "http://"): `404.*\s+There is nothing at this path`,
		untrusted: `not trusted: pass its authority with --ca FILE`,
	} {
		term := inTerminal(t, nil, "connect", url)
		term.sees(hint)
		term.ends(1)
	}
}

// TestBenchBar shows a bar.
func TestBenchBar(t *testing.T) {
	url := server(t, ws.Upgrader{}, echoing)
	term := inTerminal(t, nil, "bench", url, "-t", "3s", "-c", "2")
	term.sees(`\[=+ +\] +\d+ %  \d+ messages`)
	term.sees(`messages per second`)
	term.ends(0)
}
