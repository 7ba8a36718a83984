package browsers

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
)

// patience bounds each wait. On an idle machine nothing here takes more than a few seconds. The
// rest is for busy machines.
const patience = 60 * time.Second

// firefox is a headless Firefox that the tests drive through WebDriver BiDi: commands and their
// results are JSON messages of a WebSocket. Firefox is its server, and this module the client.
type firefox struct {
	cmd     *exec.Cmd
	ended   chan error
	conn    *ws.Conn
	last    int    // the ID of the last command
	context string // the tab
}

// preferences keep Firefox from calling anybody but this machine: whatever is not on loopback
// goes to a proxy that is not there.
const preferences = `
user_pref("network.proxy.type", 1);
user_pref("network.proxy.http", "127.0.0.1");
user_pref("network.proxy.http_port", 9);
user_pref("network.proxy.share_proxy_settings", true);
user_pref("network.proxy.no_proxies_on", "127.0.0.1, localhost");
user_pref("network.proxy.failover_direct", false);
`

// executable finds the browser: $FIREFOX, or one of the usual names.
func executable() (string, error) {
	names := []string{"firefox", "firefox-esr", "/Applications/Firefox.app/Contents/MacOS/firefox"}
	if name := os.Getenv("FIREFOX"); name != "" {
		names = []string{name}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("no Firefox found as %q: install it (Debian: apt-get install firefox-esr; Fedora: dnf install firefox; "+
		"macOS: brew install --cask firefox), or set FIREFOX to its path", names)
}

// launch starts Firefox with a new profile below dir and opens a tab.
func launch(dir string) (*firefox, error) {
	path, err := executable()
	if err != nil {
		return nil, err
	}
	profile := filepath.Join(dir, "profile")
	if err := os.Mkdir(profile, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(profile, "user.js"), []byte(preferences), 0o600); err != nil {
		return nil, err
	}
	f := &firefox{ended: make(chan error, 1)}
	f.cmd = exec.Command(path, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0", "about:blank")
	f.cmd.Env = append(os.Environ(), "HOME="+dir)
	stderr, err := f.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := f.cmd.Start(); err != nil {
		return nil, err
	}
	listening := make(chan string, 1)
	go f.watch(stderr, listening)
	if err := f.connect(listening); err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

// watch reads what Firefox prints until it ends. The address of its WebDriver
// is sent to listening.
func (f *firefox) watch(stderr io.Reader, listening chan<- string) {
	address := regexp.MustCompile(`WebDriver BiDi listening on (ws://\S+)`)
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if m := address.FindStringSubmatch(lines.Text()); m != nil {
			listening <- m[1]
		}
	}
	f.ended <- f.cmd.Wait()
}

// connect begins a session, once Firefox has said where, in its first tab.
func (f *firefox) connect(listening <-chan string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	d := ws.Dialer{HandshakeTimeout: patience} // it listens before it is ready to answer
	var err error
	select {
	case url := <-listening:
		if f.conn, _, err = d.Dial(ctx, url+"/session"); err != nil {
			return err
		}
	case err := <-f.ended:
		f.ended <- err
		return fmt.Errorf("ended before it was ready: %w", err)
	case <-ctx.Done():
		return errors.New("does not listen for WebDriver BiDi")
	}
	trusting := map[string]any{"alwaysMatch": map[string]any{"acceptInsecureCerts": true}}
	if err := f.call(ctx, "session.new", map[string]any{"capabilities": trusting}, nil); err != nil {
		return err
	}
	var tree struct{ Contexts []struct{ Context string } }
	if err := f.call(ctx, "browsingContext.getTree", map[string]any{}, &tree); err != nil {
		return err
	}
	if len(tree.Contexts) == 0 {
		return errors.New("has no tab")
	}
	f.context = tree.Contexts[0].Context
	return nil
}

// close ends Firefox. It gives Firefox a while to end by itself.
func (f *firefox) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience/4)
	defer cancel()
	if f.conn != nil {
		_ = f.call(ctx, "browser.close", map[string]any{}, nil)
		_ = f.conn.CloseNow()
	} else {
		_ = f.cmd.Process.Kill()
	}
	select {
	case <-f.ended:
		return nil
	case <-ctx.Done():
		_ = f.cmd.Process.Kill()
		<-f.ended
		return errors.New("did not end when told to")
	}
}

// call runs a command of WebDriver BiDi and decodes its result.
func (f *firefox) call(ctx context.Context, method string, params, result any) error {
	f.last++
	command, err := json.Marshal(map[string]any{"id": f.last, "method": method, "params": params})
	if err != nil {
		return err
	}
	if err := f.conn.Write(ctx, ws.Text, command); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	for {
		_, p, err := f.conn.Read(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", method, err)
		}
		var m struct {
			Type, Error, Message string
			ID                   int
			Result               json.RawMessage
		}
		switch err := json.Unmarshal(p, &m); {
		case err != nil:
			return fmt.Errorf("%s: %w", method, err)
		case m.ID != f.last: // an event, or the answer that an earlier call did not wait for
			continue
		case m.Type == "error":
			return fmt.Errorf("%s: %s: %s", method, m.Error, m.Message)
		case result == nil:
			return nil
		}
		return json.Unmarshal(m.Result, result)
	}
}

// open shows a page.
func (f *firefox) open(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := f.call(ctx, "browsingContext.navigate", map[string]any{"context": f.context, "url": url, "wait": "complete"}, nil); err != nil {
		t.Fatal(err)
	}
}

// await calls an async function in the page with args, and returns its result as JSON has it.
func await[T any](t *testing.T, f *firefox, function string, args ...any) (v T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var texts []string
	for _, arg := range args {
		text, err := json.Marshal(arg)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	var got struct {
		Result           struct{ Value string }
		ExceptionDetails struct{ Text string }
	}
	err := f.call(ctx, "script.callFunction", map[string]any{
		"functionDeclaration": fmt.Sprintf("async () => JSON.stringify(await (%s)(%s))", function, strings.Join(texts, ", ")),
		"target":              map[string]any{"context": f.context},
		"awaitPromise":        true,
	}, &got)
	if err == nil && got.ExceptionDetails.Text != "" {
		err = errors.New(got.ExceptionDetails.Text)
	}
	if err == nil {
		err = json.Unmarshal([]byte(got.Result.Value), &v)
	}
	if err != nil {
		t.Fatalf("%v\nin %s", err, function)
	}
	return v
}
