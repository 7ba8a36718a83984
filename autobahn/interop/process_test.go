package interop

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience bounds each wait. Nothing here takes more than a few seconds on an
// idle machine; the rest is for busy ones.
const patience = 2 * time.Minute

// process is a peer's program that runs: lines to it, lines from it.
type process struct {
	in     io.WriteCloser
	lines  chan string
	stderr output
}

// output keeps what a program prints, for when a test fails.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// run starts a peer, which ends with the test.
func (p *peer) run(t *testing.T) *process {
	t.Helper()
	if p.start != nil {
		return p.start(t)
	}
	cmd := p.command()
	pr := &process{lines: make(chan string, 1000)}
	cmd.Stderr = &pr.stderr
	var err error
	if pr.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(pr.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			pr.lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		pr.in.Close()
		stop := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		<-read
		_ = cmd.Wait()
		stop.Stop()
		if t.Failed() {
			t.Logf("%s printed: %s", p.name, &pr.stderr)
		}
	})
	return pr
}

// tell sends a line.
func (pr *process) tell(t *testing.T, words ...string) {
	t.Helper()
	if _, err := fmt.Fprintln(pr.in, strings.Join(words, " ")); err != nil {
		t.Fatalf("%v: the peer printed: %s", err, &pr.stderr)
	}
}

// hear waits for the next line, which begins with word, and returns the rest.
func (pr *process) hear(ctx context.Context, word string) (string, error) {
	select {
	case line, ok := <-pr.lines:
		if !ok {
			return "", fmt.Errorf("the peer ended, want its %q; it printed: %s", word, &pr.stderr)
		}
		first, rest, _ := strings.Cut(line, " ")
		if first != word {
			return "", fmt.Errorf("the peer says %q, want %q", line, word)
		}
		return strings.TrimSpace(rest), nil
	case <-ctx.Done():
		return "", fmt.Errorf("the peer does not say %q; it printed: %s", word, &pr.stderr)
	}
}

// hearOpen waits until the peer says that the connection is open.
func (pr *process) hearOpen(ctx context.Context) error {
	subprotocol, err := pr.hear(ctx, "open")
	if err == nil && subprotocol != "chat" {
		err = fmt.Errorf("the peer sees the subprotocol %q", subprotocol)
	}
	return err
}
