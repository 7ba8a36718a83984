package interop

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// browser is a browser without a window. Its page, testdata/page.html, is a peer
// that is told what to do by HTTP.
type browser struct {
	environment string   // the variable that may name the program
	names       []string // usual names of the program
	needs       string   // how to get it
	// arguments prepares a profile in a folder.
	arguments func(profile string) ([]string, error)
}

var chromium = browser{
	environment: "CHROMIUM",
	names:       []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"},
	needs:       "Chromium (Debian: apt-get install chromium libnss3-tools), or CHROMIUM as the path of a Chromium or Chrome",
	arguments: func(profile string) ([]string, error) {
		return []string{
			"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
			"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--no-proxy-server",
			"--user-data-dir=" + profile,
		}, trust(filepath.Join(profile, ".pki", "nssdb"))
	},
}

var firefox = browser{
	environment: "FIREFOX",
	names:       []string{"firefox-esr", "firefox"},
	needs:       "Firefox (Debian: apt-get install firefox-esr libnss3-tools), or FIREFOX as its path",
	arguments: func(profile string) ([]string, error) {
		if err := os.WriteFile(filepath.Join(profile, "user.js"), []byte(preferences), 0o600); err != nil {
			return nil, err
		}
		return []string{"--headless", "--no-remote", "--profile", profile}, trust(profile)
	},
}

// trust has a browser trust the tests' authority, by a new database of NSS.
func trust(dir string) error {
	needs := "certutil (Debian: apt-get install libnss3-tools)"
	return errors.Join(
		os.MkdirAll(dir, 0o700),
		run(needs, "certutil", "-N", "-d", "sql:"+dir, "--empty-password"),
		run(needs, "certutil", "-A", "-d", "sql:"+dir, "-n", "interop", "-t", "C,,", "-i", built.authority))
}

// preferences keep Firefox from calling anybody but this machine: what is not on
// loopback goes to a proxy that is not there.
const preferences = `
user_pref("network.proxy.type", 1);
user_pref("network.proxy.http", "127.0.0.1");
user_pref("network.proxy.http_port", 9);
user_pref("network.proxy.share_proxy_settings", true);
user_pref("network.proxy.no_proxies_on", "127.0.0.1, localhost");
user_pref("network.proxy.failover_direct", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
`

// program finds the browser.
func (b *browser) program() (string, error) {
	names := b.names
	if name := os.Getenv(b.environment); name != "" {
		names = []string{name}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("not found as %q; needed: %s", names, b.needs)
}

// start shows the page until the test ends.
func (b *browser) start(t *testing.T) *process {
	t.Helper()
	path, err := b.program()
	if err != nil {
		t.Fatal(err)
	}
	profile := t.TempDir()
	args, err := b.arguments(profile)
	if err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	pr := &process{in: w, lines: make(chan string, 1000)}
	srv := httptest.NewServer(pr.control(r))
	cmd := exec.Command(path, append(args, srv.URL+"/page.html")...)
	cmd.Env = append(os.Environ(), "HOME="+profile)
	cmd.Stdout, cmd.Stderr = &pr.stderr, &pr.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.Close()
		_ = cmd.Process.Signal(os.Interrupt)
		stop := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		stop.Stop()
		srv.CloseClientConnections()
		srv.Close()
		if t.Failed() {
			t.Logf("%s printed: %s", path, &pr.stderr)
		}
	})
	return pr
}

// control serves the page and carries the lines: /next is the next one to it,
// /say one from it.
func (pr *process) control(r io.Reader) http.Handler {
	next := make(chan string)
	go func() {
		defer close(next)
		for s := bufio.NewScanner(r); s.Scan(); {
			next <- s.Text()
		}
	}()
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServer(http.Dir("testdata")))
	mux.HandleFunc("/next", func(w http.ResponseWriter, _ *http.Request) {
		line, ok := <-next
		if !ok {
			w.WriteHeader(http.StatusGone)
		}
		fmt.Fprint(w, line)
	})
	mux.HandleFunc("/say", func(_ http.ResponseWriter, r *http.Request) {
		line, _ := io.ReadAll(r.Body)
		pr.lines <- string(line)
	})
	return mux
}
