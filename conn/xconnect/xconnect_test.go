package xconnect_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/h2"
	_ "github.com/rfc6455/ws/conn/xconnect"
)

// These tests are a package of their own, so that xconnect does not import what they import.

// TestPath checks why the import takes effect: this package is initialised before net/http.
// TestServer sees the effect itself. This test says why it may be gone.
func TestPath(t *testing.T) {
	path := strings.TrimSuffix(reflect.TypeFor[marker]().PkgPath(), "_test")
	if path >= "net/http" {
		t.Errorf(`package %s is initialised after net/http, since its path sorts behind: importing it has no effect.
Under this module path, say so in its documentation and in README, and have programs set GODEBUG=http2xconnect=1 in their environment.`, path)
	}
}

type marker struct{}

// environments are values of GODEBUG for a program that imports this package, and what it makes of
// them.
var environments = []struct {
	name, before, after string
	major               int // the version of HTTP that a socket runs over
}{
	{"by the import alone", "", "http2xconnect=1", 2},
	{"beside other settings", "http2debug=0,panicnil=0", "http2debug=0,panicnil=0,http2xconnect=1", 2},
	{"beside a setting that is none", "http2xconnect", "http2xconnect,http2xconnect=1", 2},
	{"by the environment", "http2xconnect=1", "http2xconnect=1", 2},
	{"switched off", "http2xconnect=0", "http2xconnect=0", 1},
	{"switched off among others", "http2debug=0,http2xconnect=0,panicnil=0", "http2debug=0,http2xconnect=0,panicnil=0", 1},
}

// TestServer starts a program of its own for each environment. If HTTP/2 is off, the same client
// and the same handler use HTTP/1.1.
func TestServer(t *testing.T) {
	if os.Getenv(isServer) != "" {
		serve()
		return
	}
	for _, env := range environments {
		t.Run(env.name, func(t *testing.T) {
			url, config, after := start(t, env.before)
			if after != env.after {
				t.Errorf("the program has GODEBUG=%s, want %s", after, env.after)
			}
			d := &h2.Dialer{Dialer: ws.Dialer{TLSConfig: config}}
			defer d.CloseIdleConnections()
			c, resp, err := d.Dial(context.Background(), url)
			if err != nil {
				t.Fatal(err)
			}
			defer c.CloseNow()
			if err := c.Write(context.Background(), ws.Text, []byte("hello")); err != nil {
				t.Fatal(err)
			}
			if _, p, err := c.Read(context.Background()); err != nil || string(p) != "hello" || resp.ProtoMajor != env.major {
				t.Errorf("%q over HTTP/%d, %v, want HTTP/%d", p, resp.ProtoMajor, err, env.major)
			}
			strict := &h2.Dialer{Dialer: ws.Dialer{TLSConfig: config}, Fallback: h2.Fail}
			defer strict.CloseIdleConnections()
			if _, _, err := strict.Dial(context.Background(), url); (err == nil) != (env.major == 2) {
				t.Errorf("without a fallback: %v, want an error only over HTTP/1.1", err)
			}
		})
	}
}

// isServer is the environment variable that makes this test a server.
const isServer = "XCONNECT_TEST_SERVER"

// serve is the program: an echo server that prints its address, and ends when its standard input
// ends.
func serve() {
	var u ws.Upgrader
	srv := httptest.NewUnstartedServer(u.Handler(&ws.Events{
		Message: func(c *ws.Conn, t ws.MessageType, p []byte) { _ = c.Append(t, p) },
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	fmt.Println("wss"+strings.TrimPrefix(srv.URL, "https"), base64.StdEncoding.EncodeToString(srv.Certificate().Raw), "GODEBUG="+os.Getenv("GODEBUG"))
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// start runs this test again as the program.
func start(t *testing.T, godebug string) (url string, config *tls.Config, now string) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestServer$")
	cmd.Env = append(os.Environ(), isServer+"=1", "GODEBUG="+godebug)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var cert string
	if _, err := fmt.Sscan(line, &url, &cert, &now); err != nil {
		t.Fatalf("first line %q: %v, want three words", line, err)
	}
	der, err := base64.StdEncoding.DecodeString(cert)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return url, &tls.Config{RootCAs: roots}, strings.TrimPrefix(now, "GODEBUG=")
}
