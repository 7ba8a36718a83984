package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rfc6455/ws/autobahn"
)

// TestMain runs the program docker, a testee, or the tests. Which of them depends on the name
// under which this program was started: the tests put links to it on the PATH.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "docker":
		os.Exit(fakeDocker(os.Args[1:]))
	case "echoserver":
		l, err := net.Listen("tcp", os.Args[1])
		if err != nil {
			os.Exit(1)
		}
		for {
			if _, err := l.Accept(); err != nil {
				os.Exit(1)
			}
		}
	case "echoclient":
		u, err := url.Parse(os.Args[1])
		if err == nil {
			_, err = net.Dial("tcp", u.Host)
		}
		if err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// fakeDocker stands in for the program docker. It writes down how it was called. It fails if
// there is a file beside that with the command's name and the suffix ".fails". A container
// that runs wstest finds all cases OK.
func fakeDocker(args []string) int {
	log := os.Getenv("FAKE_DOCKER")
	f, err := os.OpenFile(log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return 99
	}
	fmt.Fprintln(f, strings.Join(args, " "))
	f.Close()
	if _, err := os.Stat(filepath.Join(filepath.Dir(log), args[0]+".fails")); err == nil {
		return 1
	}
	if args[0] != "run" {
		return 0
	}
	var container flag.FlagSet
	container.Bool("rm", false, "")
	container.Bool("init", false, "")
	network := container.String("network", "bridge", "")
	volume := container.String("v", "", "")
	if container.Parse(args[1:]) != nil || container.Arg(0) != image || container.Arg(1) != "wstest" || *network != "host" {
		return 98
	}
	outside, inside, _ := strings.Cut(*volume, ":")
	return fakeSuite(outside, inside, container.Args()[2:])
}

// fakeSuite stands in for wstest in a container that sees the folder outside as
// inside, and nothing else.
func fakeSuite(outside, inside string, args []string) int {
	var f flag.FlagSet
	mode := f.String("m", "", "")
	f.String("u", "", "")
	file := f.String("s", "", "")
	if f.Parse(args) != nil || !strings.HasPrefix(*file, inside+"/") {
		return 97
	}
	var spec struct {
		Outdir, URL string
		Cases       []string
		Servers     []struct{ Agent, URL string }
	}
	b, err := os.ReadFile(outside + strings.TrimPrefix(*file, inside))
	if err != nil || json.Unmarshal(b, &spec) != nil || !strings.HasPrefix(spec.Outdir, inside+"/") {
		return 96
	}
	agent := "x"
	if *mode == "fuzzingclient" {
		agent = spec.Servers[0].Agent
	}
	results := make(map[string]autobahn.Result)
	for _, id := range spec.Cases {
		fmt.Printf("Running test case ID %s for agent %s\n", id, agent)
		results[id] = autobahn.Result{Behavior: autobahn.OK, BehaviorClose: autobahn.OK}
	}
	b, _ = json.Marshal(autobahn.Index{agent: results})
	if os.WriteFile(filepath.Join(outside+strings.TrimPrefix(spec.Outdir, inside), "index.json"), b, 0o600) != nil {
		return 95
	}
	if *mode == "fuzzingclient" {
		return 0
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	u, _ := url.Parse(spec.URL)
	l, err := net.Listen("tcp", u.Host)
	if err != nil {
		return 94
	}
	<-interrupted
	l.Close() // not by the collector, before
	return 0
}

// dockerOnPath makes the PATH have the fake alone, with commands that fail. The function that it
// returns says how docker was called.
func dockerOnPath(t *testing.T, fails ...string) (bin string, calls func() []string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin = t.TempDir()
	for _, name := range []string{"docker", "echoserver", "echoclient"} {
		if err := os.Symlink(self, filepath.Join(bin, name)); err != nil {
			t.Skip("no symbolic links here: ", err)
		}
	}
	log := filepath.Join(bin, "calls")
	for _, name := range fails {
		if err := os.WriteFile(filepath.Join(bin, name+".fails"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin)
	t.Setenv("HOME", bin)
	t.Setenv("PYENV_ROOT", "")
	t.Setenv("FAKE_DOCKER", log)
	return bin, func() []string {
		b, _ := os.ReadFile(log)
		return strings.Split(strings.TrimSpace(string(b)), "\n")
	}
}

// TestDocker runs both roles through a container and looks at the command lines.
func TestDocker(t *testing.T) {
	bin, calls := dockerOnPath(t)
	reports := filepath.Join(t.TempDir(), "reports")
	c := &config{
		role: "both", cases: "1.1.*", exclude: "1.1.2", agent: "x", engine: "auto", jobs: 1,
		server: filepath.Join(bin, "echoserver") + " {addr}", client: filepath.Join(bin, "echoclient") + " {url}",
		reports: reports, expect: "../../expect.json", venv: filepath.Join(bin, "venv"),
	}
	if bad, err := c.run(context.Background()); bad != 0 || err != nil {
		t.Errorf("%d results are not as expected, %v", bad, err)
	}
	run := "run --rm --init --network host -v " + reports + ":" + reports + " " + image + " wstest -u 0"
	want := []string{
		"info --format {{.ServerVersion}}",
		"image inspect " + image,
		strings.Replace(run, "-u 0", "-m fuzzingclient -u 0", 1) + " -s " + reports + "/server.spec.json",
		strings.Replace(run, "-u 0", "-m fuzzingserver -u 0", 1) + " -s " + reports + "/client.spec.json",
	}
	if got := calls(); !slices.Equal(got, want) {
		t.Errorf("docker was called\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, role := range []string{"server", "client"} {
		index, err := autobahn.ReadIndex(filepath.Join(reports, role, "index.json"))
		if err != nil || len(index["x"]) != 7 {
			t.Errorf("%s: %d results, %v", role, len(index["x"]), err)
		}
	}
}

// TestDockerFails has the container fail. The run may not pass then.
func TestDockerFails(t *testing.T) {
	bin, _ := dockerOnPath(t, "run")
	c := &config{
		role: "server", cases: "1.1.1", agent: "x", engine: "docker", jobs: 1, server: filepath.Join(bin, "echoserver") + " {addr}",
		reports: filepath.Join(t.TempDir(), "reports"), expect: "../../expect.json",
	}
	if _, err := c.run(context.Background()); err == nil || !strings.Contains(err.Error(), "server.log") {
		t.Errorf("got %v, want an error that names the log", err)
	}
}

// TestWithoutDocker: if no daemon answers or the image can't be had, Python is next, unless
// Docker was asked for.
func TestWithoutDocker(t *testing.T) {
	for _, test := range []struct {
		name  string
		fails []string
		want  []string // calls
		found bool
	}{
		{"daemon and image", nil, []string{"info", "image"}, true},
		{"no daemon", []string{"info"}, []string{"info"}, false},
		{"image is pulled", []string{"image"}, []string{"info", "image", "pull"}, true},
		{"image cannot be pulled", []string{"image", "pull"}, []string{"info", "image", "pull"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			bin, calls := dockerOnPath(t, test.fails...)
			venv := filepath.Join(bin, "venv")
			c := &config{engine: "auto", venv: venv}
			if _, err := c.findEngine(context.Background()); (err == nil) != test.found {
				t.Errorf("without Python: %v", err)
			}
			var got []string
			for _, call := range calls() {
				got = append(got, strings.Fields(call)[0])
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("docker was called %q, want %q", got, test.want)
			}
			// If an environment is there already, it can run.
			stamp := fmt.Sprintf("%x\n", sha256.Sum256([]byte(requirements+launcher+fmt.Sprint(optional))))
			if err := os.MkdirAll(venv, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(venv, "ready"), []byte(stamp), 0o600); err != nil {
				t.Fatal(err)
			}
			e, err := c.findEngine(context.Background())
			if _, ok := e.(docker); err != nil || ok != test.found {
				t.Errorf("with Python: %T, %v", e, err)
			}
			c.engine = "docker"
			if _, err := c.findEngine(context.Background()); (err == nil) != test.found {
				t.Errorf("-engine docker: %v", err)
			}
		})
	}
}
