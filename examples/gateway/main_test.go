package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
)

// proxies are the real ones, if they are installed.
var proxies = map[string]struct {
	program, config string
	arguments       func(config string) []string
}{
	"nginx": {"nginx", "nginx.conf", func(config string) []string {
		return []string{"-e", "stderr", "-c", config, "-g", "daemon off; master_process off;"}
	}},
	"Caddy": {"caddy", "Caddyfile", func(config string) []string {
		return []string{"run", "--config", config, "--adapter", "caddyfile"}
	}},
}

// freePort returns a port that nobody uses just now.
func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// start runs the program with its configuration from this folder, on other ports, and returns the
// port on which it listens.
func start(t *testing.T, program, config, backend string, arguments func(string) []string) string {
	path, err := exec.LookPath(program)
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/" + program); err != nil {
			t.Skipf("%s is not installed", program)
		}
	}
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	dir, port := t.TempDir(), freePort(t)
	file := filepath.Join(dir, config)
	temp := "http {\n"
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		temp += kind + "_temp_path " + dir + ";\n"
	}
	replaced := strings.NewReplacer(":8080 {", "127.0.0.1:"+port+" {\nbind 127.0.0.1\n", "listen 8080", "listen 127.0.0.1:"+port,
		"127.0.0.1:8081", backend, "/run/nginx.pid", dir+"/pid", "http {\n", temp, "admin off\n", "admin off\nauto_https off\n").Replace(string(text))
	if config == "Caddyfile" {
		replaced = strings.Replace(replaced, "127.0.0.1:"+port+" {\nbind", "http://127.0.0.1:"+port+" {\nbind", 1)
	}
	if err := os.WriteFile(file, []byte(replaced), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, arguments(file)...)
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	var log bytes.Buffer
	cmd.Stderr, cmd.Stdout = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	deadline := time.Now().Add(time.Minute)
	for {
		nc, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			nc.Close()
			return port
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s ended: %v\n%s", program, err, log.String())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not listen", program)
		}
	}
}

// TestBehindProxies: pages of the own site are welcome, those of another are not, messages pass as
// they are, the client's address arrives, and a shutdown closes with 1001.
func TestBehindProxies(t *testing.T) {
	for name, p := range proxies {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ctx, shutdown := context.WithCancel(context.Background())
			defer shutdown()
			served := make(chan error, 1)
			go func() { served <- serve(ctx, l) }()
			port := start(t, p.program, p.config, l.Addr().String(), p.arguments)

			url, own := "ws://127.0.0.1:"+port+"/echo", "http://127.0.0.1:"+port
			d := ws.Dialer{Header: http.Header{"Origin": {own}, "X-Forwarded-For": {"192.0.2.1"}}}
			c, _, err := d.Dial(context.Background(), url)
			if err != nil {
				t.Fatal(err)
			}
			if _, p, err := c.Read(context.Background()); err != nil || string(p) != "hello 127.0.0.1" {
				t.Errorf("read %q, %v, want hello and the client's own address", p, err)
			}
			for _, size := range []int{0, 5, 1 << 20} {
				sent := bytes.Repeat([]byte("x"), size)
				if err := c.Write(context.Background(), ws.Binary, sent); err != nil {
					t.Fatal(err)
				}
				if _, p, err := c.Read(context.Background()); err != nil || !bytes.Equal(p, sent) {
					t.Fatalf("read %d bytes, %v, want the echo of %d", len(p), err, size)
				}
			}
			d.Header.Set("Origin", "https://evil.example")
			if _, resp, err := d.Dial(context.Background(), url); err == nil || resp == nil || resp.StatusCode != http.StatusForbidden {
				t.Errorf("a page of another site: %v, want 403", err)
			}
			shutdown()
			_, _, err = c.Read(context.Background())
			if code, _ := ws.CloseStatus(err); code != ws.CloseGoingAway {
				t.Errorf("the end is %v, want 1001", err)
			}
			if err := <-served; err != nil {
				t.Errorf("serve = %v, want a clean shutdown", err)
			}
		})
	}
}

func TestClientAddress(t *testing.T) {
	for _, test := range []struct {
		remote    string
		forwarded []string
		want      string
	}{
		{"203.0.113.9:1", nil, "203.0.113.9"},
		{"203.0.113.9:1", []string{"192.0.2.1"}, "203.0.113.9"},
		{"127.0.0.1:1", nil, "127.0.0.1"},
		{"127.0.0.1:1", []string{"192.0.2.1, 203.0.113.9"}, "203.0.113.9"},
		{"[::1]:1", []string{"192.0.2.1", "2001:db8::1"}, "2001:db8::1"},
		{"127.0.0.1:1", []string{"<script>"}, "127.0.0.1"},
		{"@", nil, "@"},
	} {
		if got := clientAddress(test.remote, test.forwarded); got != test.want {
			t.Errorf("clientAddress(%q, %q) = %q, want %q", test.remote, test.forwarded, got, test.want)
		}
	}
}
