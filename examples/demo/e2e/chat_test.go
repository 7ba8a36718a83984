package e2e

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/rfc6455/ws/autobahn/browsers/pagetest"
)

// chatProgram is the example chat. Its socket is the test's, as that of a service is systemd's.
type chatProgram struct {
	file, data string
	socket     *os.File
	url        string
}

func newChatProgram(t *testing.T) *chatProgram {
	t.Helper()
	c := &chatProgram{file: filepath.Join(dir, "chat"), data: t.TempDir()}
	if err := build(c.file, "github.com/rfc6455/ws/examples/chat"); err != nil {
		t.Fatal(err)
	}
	add := exec.Command(c.file, "-dir", c.data, "-add", "ada")
	add.Stdin = strings.NewReader("correct horse\n")
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // the File is another descriptor of the same socket
	if c.socket, err = l.(*net.TCPListener).File(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.socket.Close() })
	c.url = "http://" + l.Addr().String()
	return c
}

// start starts a process. It ends with the test, if it has not ended before.
func (c *chatProgram) start(t *testing.T) *server {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@"`, c.file, "-dir", c.data)
	cmd.ExtraFiles = []*os.File{c.socket}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &server{url: c.url, cmd: cmd, ended: make(chan error, 1)}
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	go func() {
		_, _ = io.Copy(io.Discard, lines)
		s.ended <- cmd.Wait()
	}()
	t.Cleanup(func() {
		if err := s.stop(t, syscall.SIGTERM); err != nil {
			t.Errorf("the chat ended with %v", err)
		}
	})
	if !strings.HasPrefix(line, "serves ") {
		t.Fatalf("the chat says %q, %v", line, err)
	}
	return s
}

// TestChat checks the page of the example chat: the login, and what two tabs show that talk while
// the program is restarted.
func TestChat(t *testing.T) {
	program := newChatProgram(t)
	s := program.start(t)
	p := open(t, s)
	login := func(password string) {
		t.Helper()
		p.do(t, chromedp.WaitVisible("#login"))
		p.write(t, "#name", "ada")
		p.write(t, "#password", password)
		p.click(t, "#login button")
	}
	login("a guess")
	p.shows(t, "#problem", "there is no such user with this password")
	login("correct horse")
	p.do(t, chromedp.WaitVisible("#chat"))
	p.do(t, chromedp.Evaluate[chromedp.Void](pagetest.Socket)) // the page has been loaded anew
	p.shows(t, "#state", "connected as ada")
	p.shows(t, "#who", "ada")

	say := func(p *page, text string) {
		t.Helper()
		p.write(t, "#text", text)
		p.click(t, "#say button")
	}
	say(p, "one <b>")
	p.shows(t, "#log li[data-id]", "one <b>")
	second := open(t, s)
	second.shows(t, "#log li[data-id]", "one <b>")

	if err := s.stop(t, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for _, tab := range []*page{p, second} {
		tab.shows(t, "#state", "connecting again")
	}
	say(p, "two")
	say(p, "three")
	p.shows(t, "#log .pending", "three")
	program.start(t)
	for _, tab := range []*page{p, second} {
		tab.shows(t, "#log li[data-id]", "three")
		tab.shows(t, "#state", "connected as ada")
	}
	say(second, "four")
	want := []string{"adaone <b>", "adatwo", "adathree", "adafour"}
	for _, tab := range []*page{p, second} {
		tab.shows(t, "#log li[data-id]", "four")
		if got := await[[]string](t, tab, `() => [...document.querySelectorAll("#log li")].map((e) => e.textContent)`); !slices.Equal(got, want) {
			t.Errorf("a tab shows %q, want %q", got, want)
		}
	}

	p.click(t, "#rooms button:last-child")
	say(p, "elsewhere")
	p.shows(t, "#log li[data-id]", "elsewhere")
	p.click(t, "#logout")
	p.do(t, chromedp.WaitVisible("#login"))
	second.do(t, chromedp.WaitVisible("#login")) // it was the same session
}

// TestChatElsewhere: the user logs out in another browser, which has another session. The page does
// not go on as if nothing had happened, although its own session is still good.
func TestChatElsewhere(t *testing.T) {
	program := newChatProgram(t)
	s := program.start(t)
	p := open(t, s)
	p.do(t, chromedp.WaitVisible("#login"))
	p.write(t, "#name", "ada")
	p.write(t, "#password", "correct horse")
	p.click(t, "#login button")
	p.do(t, chromedp.WaitVisible("#chat"))
	p.do(t, chromedp.Evaluate[chromedp.Void](pagetest.Socket)) // the page has been loaded anew
	p.shows(t, "#who", "ada")
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	other := http.Client{Jar: jar, Timeout: patience}
	for _, path := range []string{"/login", "/logout"} {
		res, err := other.PostForm(s.url+path, url.Values{"name": {"ada"}, "password": {"correct horse"}})
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusNoContent {
			t.Fatalf("%s is %d", path, res.StatusCode)
		}
	}
	p.do(t, chromedp.WaitVisible("#login"))
	p.shows(t, "#state", "logged out")
}

// TestFiles checks the page of the example files: up and down, and what it says of a bad name.
func TestFiles(t *testing.T) {
	program := filepath.Join(dir, "files")
	if err := build(program, "github.com/rfc6455/ws/examples/files"); err != nil {
		t.Fatal(err)
	}
	there, here := t.TempDir(), t.TempDir()
	p := open(t, startProgram(t, program, "serve", "-dir", there))
	big := filepath.Join(here, "big.bin")
	content := []byte(strings.Repeat("0123456789abcdef", 400_000)) // seven pieces, the last one shorter
	if err := os.WriteFile(big, content, 0o600); err != nil {
		t.Fatal(err)
	}
	p.do(t, chromedp.SetUploadFiles("#file", []string{big}))
	p.shows(t, "#status", "done")
	if got, err := os.ReadFile(filepath.Join(there, "big.bin")); err != nil || !slices.Equal(got, content) {
		t.Errorf("the server has %d bytes, %v, want the %d that were sent", len(got), err, len(content))
	}
	p.write(t, "#name", "../big.bin")
	p.click(t, "#get button")
	p.shows(t, "#status", "a name has")
	p.write(t, "#name", "big.bin")
	p.click(t, "#get button")
	p.shows(t, "#status", "done") // its SHA-256 is right
	if full := await[bool](t, p, `() => document.getElementById("bar").position === 1`); !full {
		t.Error("the bar is not full")
	}
}
