package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
)

// tcpEcho is a server that sends back what comes.
func tcpEcho(t *testing.T) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(nc, nc); _ = nc.Close() }()
		}
	}()
	return ln.Addr().String()
}

func dialTCP(t *testing.T, addr string) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(patience))
	return nc
}

// TestRecordAndReplay sends again what was recorded.
func TestRecordAndReplay(t *testing.T) {
	url := server(t, ws.Upgrader{}, func(c *ws.Conn, _ *ws.Request) {
		_, p, _ := c.Read(context.Background())
		_ = c.Write(context.Background(), ws.Text, append([]byte("to "), p...))
		_ = c.Write(context.Background(), ws.Binary, []byte{0, 255})
		_ = c.Close(4001, "that's all")
	})
	r := runWS(t, "", "record", url, "--send", "me")
	r.want(t, 40, `"event":"open"`, `"event":"out","text":"me"`, `"event":"in","text":"to me"`, `"event":"in","data":"AP8="`,
		`"event":"close","code":4001,"reason":"that's all"`)
	file := filepath.Join(t.TempDir(), "log.jsonl")
	if err := os.WriteFile(file, []byte(r.out), 0o600); err != nil {
		t.Fatal(err)
	}
	one, two := server(t, ws.Upgrader{}, echoTimes(1)), server(t, ws.Upgrader{}, echoTimes(2))
	runWS(t, "", "replay", file, one, "--wait", "0").want(t, 0, `"event":"out","text":"me"`, `"event":"in","text":"me"`)
	runWS(t, r.out, "replay", "-", two, "--event", "in", "--speed", "0", "--wait", "0").
		want(t, 0, `"event":"in","text":"to me"`, `"event":"in","data":"AP8="`)
	runWS(t, "{\"event\":\"open\"}", "replay", "-", one).want(t, 1, "--event")
	runWS(t, "nonsense", "replay", "-", one).want(t, 1, "line 1")
	runWS(t, "", "replay", file+"x", one).want(t, 1, "no such file")
	runWS(t, "", "record", server(t, ws.Upgrader{}, echoing), "--for", "100ms").want(t, 0, `"code":1000`)
}

// echoTimes echoes n messages and closes.
func echoTimes(n int) func(*ws.Conn, *ws.Request) {
	return func(c *ws.Conn, _ *ws.Request) {
		for range n {
			kind, p, _ := c.Read(context.Background())
			_ = c.Write(context.Background(), kind, p)
		}
		_ = c.Close(ws.CloseNormal, "")
	}
}

// TestReplayTimes keeps the pauses, or shortens them.
func TestReplayTimes(t *testing.T) {
	times := make(chan time.Time, 2)
	url := server(t, ws.Upgrader{}, func(c *ws.Conn, _ *ws.Request) {
		for {
			if _, _, err := c.Read(context.Background()); err != nil {
				return
			}
			times <- time.Now()
		}
	})
	log := `{"time":"2026-01-01T00:00:00Z","event":"out","text":"a"}` + "\n" + `{"time":"2026-01-01T00:00:02Z","event":"out","text":"b"}`
	began := time.Now() // a machine that stands still may bring the messages together
	runWS(t, log, "replay", "-", url, "--speed", "10", "--wait", "50ms").want(t, 0)
	<-times
	if d := (<-times).Sub(began); d < 200*time.Millisecond {
		t.Errorf("the second message came after %v, want 200 ms at least", d)
	}
}

// TestBench measures.
func TestBench(t *testing.T) {
	url := server(t, ws.Upgrader{}, echoing)
	runWS(t, "", "bench", url, "-c", "3", "-t", "2s", "-s", "1000").
		want(t, 0, "3 connections", "messages of 1000 bytes", "50 %", "99.9 %", "messages per second", "┤")
	r := runWS(t, "", "bench", url, "-c", "2", "-t", "2s", "-r", "40", "--json")
	r.want(t, 0)
	var got result
	if err := json.Unmarshal([]byte(r.out), &got); err != nil {
		t.Fatal(err)
	}
	if got.Connections != 2 || got.Messages < 1 || got.Messages > 82 || got.Percentiles.P50 <= 0 || got.Percentiles.P50 > got.Percentiles.Max {
		t.Errorf("%+v, want 80 messages of two connections", got)
	}
	silent := server(t, ws.Upgrader{}, func(c *ws.Conn, _ *ws.Request) {
		for {
			if _, _, err := c.Read(context.Background()); err != nil {
				return
			}
		}
	})
	runWS(t, "", "bench", silent, "-t", "100ms").want(t, 1, "does the server send each message back?")
	wrong := server(t, ws.Upgrader{}, func(c *ws.Conn, _ *ws.Request) {
		_ = c.Write(context.Background(), ws.Text, []byte("hello, and welcome"))
		_, _, _ = c.Read(context.Background())
	})
	runWS(t, "", "bench", wrong, "-t", "5m").want(t, 1, "no echo server")
	runWS(t, "", "bench", "127.0.0.1:1").want(t, 1, "Nobody listens there")
	for _, args := range [][]string{{"-c", "0"}, {"--size=-1"}, {"--rate=-1"}} {
		runWS(t, "", append([]string{"bench", url}, args...)...).want(t, 1, "--")
	}
}

// TestPercentile takes the smallest element that enough are no larger than.
func TestPercentile(t *testing.T) {
	list := []time.Duration{4, 1, 3, 2}
	for at, want := range map[float64]time.Duration{0: 1, 0.25: 1, 0.5: 2, 0.51: 3, 1: 4} {
		if got := percentile(list, at); got != want {
			t.Errorf("percentile %v = %d, want %d", at, got, want)
		}
	}
	if got := percentile(nil, 0.5); got != 0 {
		t.Errorf("of nothing: %d, want 0", got)
	}
}

// TestConform tests a server's protocol.
func TestConform(t *testing.T) {
	url := server(t, ws.Upgrader{}, echoing)
	dir := filepath.Join(t.TempDir(), "report")
	runWS(t, "", "conform", url, "--cases", "1.1.*,7.7.*", "--exclude", "1.1.8", "--report", dir, "--agent", "me", "--parallel", "2", "--patience", "10").
		want(t, 0, "cases passed", "index.html")
	if _, err := os.Stat(filepath.Join(dir, "index.html")); err != nil {
		t.Error(err)
	}
	deaf := server(t, ws.Upgrader{Config: ws.Config{MaxMessageSize: 10}}, echoing)
	runWS(t, "", "conform", deaf, "--cases", "1.1.2").want(t, 1, "1 of 1 cases did not pass")
	runWS(t, "", "conform", url, "--cases", "99.*").want(t, 1, "--list")
	runWS(t, "", "conform", url, "--list", "--catalogue", "all").want(t, 0, "1.1.1", "rfc.")
	runWS(t, "", "conform", url, "--list", "--catalogue", "rfc").want(t, 0, "rfc.")
	runWS(t, "", "conform", url, "--catalogue", "x").want(t, statusUsage, "--catalogue")
	runWS(t, "", "conform", "127.0.0.1:1").want(t, 1, "Nobody listens there")
	u := ws.Upgrader{}
	secureURL, ca := secure(t, u.HandlerFunc(echoing), nil)
	runWS(t, "", "conform", secureURL, "--ca", ca, "--cases", "1.1.1", "--patience", "10").want(t, 0)
	runWS(t, "", "conform", secureURL, "--insecure", "--cases", "1.1.1", "--patience", "10").want(t, 0)
}

// TestManual writes a page that man can show, and the line that switches completions on.
func TestManual(t *testing.T) {
	r := runWS(t, "", "--man")
	r.want(t, 0, ".TH WS 1", "conform", "replay")
	if path, err := exec.LookPath("man"); err == nil {
		cmd := exec.Command(path, "-l", "-")
		cmd.Stdin = strings.NewReader(r.out)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("man: %v: %s", err, out)
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		runWS(t, "", "completion", "-c", shell).want(t, 0, "complete")
	}
	runWS(t, "", "--help").want(t, 0, "connect", "serve echo")
}
