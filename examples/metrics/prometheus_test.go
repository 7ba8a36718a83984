package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace/noop"

	ws "github.com/rfc6455/ws/conn"
)

var picture = flag.Bool("picture", false, "write docs/dashboard.svg, which takes three minutes")

// realPrometheus is one that asks a server for its metrics.
type realPrometheus struct{ url, version string }

// startPrometheus runs Prometheus with prometheus.yml, but for its address and interval.
func startPrometheus(t *testing.T, target, interval string) *realPrometheus {
	program, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("prometheus is not installed (Debian: apt-get install prometheus)")
	}
	config, err := os.ReadFile("prometheus.yml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "prometheus.yml")
	changed := strings.NewReplacer("127.0.0.1:8081", target, "scrape_interval: 5s", "scrape_interval: "+interval).Replace(string(config))
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 5 { // another program may be faster to take the port
		l := listen(t)
		addr := l.Addr().String()
		l.Close()
		output := runPrometheus(t, program, file, filepath.Join(dir, "data"), addr)
		if output == "" {
			p := &realPrometheus{url: "http://" + addr}
			var build struct{ Data struct{ Version string } }
			p.ask(t, "/api/v1/status/buildinfo", nil, &build)
			p.version, _, _ = strings.Cut(build.Data.Version, "+")
			return p
		}
		if !strings.Contains(output, "address already in use") {
			t.Fatalf("prometheus has ended:\n%s", output)
		}
	}
	t.Fatal("prometheus finds its port taken again and again")
	return nil
}

// runPrometheus waits until Prometheus is ready. If it ends before that, runPrometheus returns what
// it has printed.
func runPrometheus(t *testing.T, program, file, data, addr string) (output string) {
	t.Helper()
	var printed bytes.Buffer
	cmd := exec.Command(program, "--config.file="+file, "--storage.tsdb.path="+data, "--web.listen-address="+addr)
	cmd.Stdout, cmd.Stderr = &printed, &printed
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		resp, err := http.Get("http://" + addr + "/-/ready")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return ""
			}
		}
		select {
		case <-ended:
			return "prometheus: " + printed.String()
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Fatal("prometheus does not get ready")
	return ""
}

// ask decodes what Prometheus answers.
func (p *realPrometheus) ask(t *testing.T, path string, query url.Values, answer any) {
	t.Helper()
	if err := json.Unmarshal([]byte(get(t, p.url+path+"?"+query.Encode())), answer); err != nil {
		t.Fatal(err)
	}
}

// series is a result of a query: its labels, and its values by time.
type series struct {
	Metric map[string]string
	Values []point
}

type point struct{ at, value float64 }

// UnmarshalJSON reads a pair of a time and a value, which is a string.
func (p *point) UnmarshalJSON(text []byte) error {
	var value string
	if err := json.Unmarshal(text, &[]any{&p.at, &value}); err != nil {
		return err
	}
	var err error
	p.value, err = strconv.ParseFloat(value, 64)
	return err
}

// over returns a query's results between two times, a value a second.
func (p *realPrometheus) over(t *testing.T, query string, from, to time.Time) []series {
	t.Helper()
	var answer struct{ Data struct{ Result []series } }
	p.ask(t, "/api/v1/query_range", url.Values{
		"query": {query}, "step": {"1"},
		"start": {fmt.Sprint(from.Unix())}, "end": {fmt.Sprint(to.Unix())},
	}, &answer)
	return answer.Data.Result
}

// shows reports whether there is a number in one of the series. A panel that has to show infinity
// shows nothing else.
func shows(t *testing.T, query string, all []series) bool {
	t.Helper()
	found := false
	for _, s := range all {
		for _, p := range s.Values {
			if math.IsInf(p.value, 0) {
				t.Fatalf("%s is infinite", query)
			}
			found = found || !math.IsNaN(p.value)
		}
	}
	return found
}

// await asks until there is an answer.
func (p *realPrometheus) await(t *testing.T, query string, from time.Time) {
	t.Helper()
	for deadline := time.After(time.Minute); !shows(t, query, p.over(t, query, from, time.Now())); {
		select {
		case <-deadline:
			t.Fatalf("Prometheus has no answer to %s", query)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// TestDashboard: the real Prometheus has an answer to each of the dashboard's queries, first under
// load, and then while nothing but Pings passes. With -picture there is a longer load, after which
// the dashboard is drawn.
func TestDashboard(t *testing.T) {
	keepAlive, interval, window := 100*time.Millisecond, "200ms", "2s"
	if *picture {
		keepAlive, interval, window = time.Second, "1s", "5s"
	}
	s := newServer(ws.Config{
		KeepAlive:   keepAlive,
		Compression: ws.Compression{Mode: ws.CompressionTakeover},
	}, noop.NewTracerProvider())
	public, private := httptest.NewServer(s.public), httptest.NewServer(s.private)
	defer public.Close()
	defer private.Close()
	p := startPrometheus(t, private.Listener.Addr().String(), interval)
	echo := strings.Replace(public.URL, "http", "ws", 1) + "/echo"
	began := time.Now()
	if *picture {
		day(t.Context(), echo)
		draw(t, p, window, began, time.Now())
		return
	}

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		crowd(ctx, echo, 4, time.Second)
	}()
	panels := load(t).Panels
	for _, panel := range panels {
		for _, x := range panel.Targets {
			p.await(t, x.query(window), began)
		}
	}
	cancel()
	<-done

	c, err := ws.Dial(t.Context(), echo)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	go c.Read(t.Context())
	// The comparisons leave out what is not so.
	p.await(t, "sum(rate(websocket_messages_total["+window+"])) == 0 and sum(rate(websocket_pings_total["+window+"])) > 0", time.Now())
	for _, panel := range panels {
		for _, x := range panel.Targets {
			now := time.Now()
			shows(t, x.Expr, p.over(t, x.query(window), now, now))
		}
	}
}
