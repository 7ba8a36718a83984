package interop

import (
	"fmt"
	"os/exec"
	"regexp"
	"strings"
)

// introduction is docs/interop.md before the matrix.
const introduction = `# With whom it talks

What passed between this library and others, in both roles: if the peer is the client, this library was the server.
` + "`make interop`" + ` runs it all and fails if this table says anything else than what has passed. ` + "`make interop-summary`" + ` writes
the table. [autobahn/interop](../autobahn/interop/README.md) says how it is done.

- *text*, *binary*: messages of every length class, sent without waiting for their echoes. *16 MiB*: one of each.
- *fragments*: messages in several frames; *pings between*: with pings among them. The frames of the peer are counted.
- *ping*: answered by the other side. *close*: with a code and a reason that the other side was told.
- *TLS*: wss, with a certificate that was verified.
- *permessage-deflate*: messages with all the parameters that are listed: the bits of each side's window, and whether
  that side kept its window between messages. All of the above was done once more with compression, except 16 MiB with
  Node's own WebSocket; pings between fragments with wsproto, with uvicorn on wsproto, with hypercorn and with Tornado; and
  empty messages and its own pings with libwebsockets. The servers of libwebsockets and libsoup were not asked to bound
  their window.
- *HTTP/2*: these rows are over HTTP/2 (RFC 8441): "Node http2 and ws", in which ws makes the frames on a stream of Node's
  http2; "Python h2 and wsproto"; and those whose name has "HTTP/2". Apache and lighttpd, "HTTP/2 to HTTP/1.1", take
  WebSockets over HTTP/2 and speak HTTP/1.1 to the server. nginx does not take WebSockets over HTTP/2 and says so in its
  SETTINGS, so clients come with HTTP/1.1. nghttp sees the SETTINGS_ENABLE_CONNECT_PROTOCOL of this library's server.
- *HTTP/3*: these rows are over HTTP/3 (RFC 9220), and so over TLS: "aioquic and wsproto", in which wsproto makes the frames
  on a stream of aioquic's; and "hypercorn, HTTP/3". Chromium over HTTP/3 is among the demo's browser tests.
- hypercorn tells its user no code and no reason when a connection ends, and over HTTP/3 nothing. There, *close* is what
  this side saw.
- –: the peer has no call for it, or it was not tried. libcurl was tried without compression.

`

// introductionForAll is what stands before the second matrix.
const introductionForAll = `## With more effort

These peers take long to install or to build: Maven and Cargo fetch and build them. ` + "`make interop-all`" + ` runs them and all of
the above, and fails if one of the tables says anything else than what has passed. ` + "`make interop-all-summary`" + ` writes both.
OkHttp and java.net.http are clients alone. java.net.http and tungstenite have no compression. Undertow's client over TLS,
and 16 MiB with Undertow's compression, were not tried. Netty's server was not asked to bound its window.

`

// versions is docs/interop.md after the matrix.
func versions() string {
	return listVersions([]version{
		{"Chromium", []string{must(chromium.program()), "--version"}},
		{"Firefox", []string{must(firefox.program()), "--version"}},
		{"gorilla/websocket", goVersion("github.com/gorilla/websocket")},
		{"coder/websocket", goVersion("github.com/coder/websocket")},
		{"gws", goVersion("github.com/lxzan/gws")},
		{"Node", []string{built.node, "--version"}},
		{"ws", []string{"echo", fromNPM[0]}},
		{"undici", []string{"echo", fromNPM[1]}},
		{"Python", []string{built.python, "--version"}},
		{"websockets", []string{"echo", fromPyPI[0]}},
		{"aiohttp", []string{"echo", fromPyPI[1]}},
		{"wsproto", []string{"echo", fromPyPI[2]}},
		{"h2", []string{"echo", fromPyPI[3]}},
		{"Tornado", []string{"echo", fromPyPI[5]}},
		{"hypercorn", []string{"echo", fromPyPI[6]}},
		{"uvicorn", []string{"echo", fromPyPI[7]}},
		{"autobahn-python", []string{"echo", fromPyPI[8]}},
		{"aioquic", []string{"echo", fromPyPI[9]}},
		{"Bun", []string{bun(), "--version"}},
		{"libsoup", []string{debianPython, "testdata/soup.py", "version"}},
		{"Mojolicious", []string{"perl", "testdata/mojo.pl", "version"}},
		{"libcurl", []string{built.python, "-c", "import pycurl; print(pycurl.version.split('libcurl/')[1])"}},
		{"libwebsockets", []string{built.lws, "version"}},
		{nginx.program, []string{must(executable(nginx.program)), "-v"}},
		{haproxy.program, []string{must(executable(haproxy.program)), "-v"}},
		{"nghttp", []string{"nghttp", "--version"}},
		{tinyproxy.program, []string{must(executable(tinyproxy.program)), "-v"}},
		{"Caddy", []string{must(executable(caddy.program)), "version"}},
		{"Apache", []string{must(executable(apache.program)), "-v"}},
		{lighttpd.program, []string{must(executable(lighttpd.program)), "-v"}},
	})
}

// version is a program's, as the command prints it.
type version struct {
	name string
	argv []string
}

func listVersions(list []version) string {
	var b strings.Builder
	b.WriteString("\nThe versions of the run that wrote this:")
	sep := " "
	for _, v := range list {
		out, err := exec.Command(v.argv[0], v.argv[1:]...).CombinedOutput()
		if err != nil {
			panic(fmt.Sprintf("%v: %v: %s", v.argv, err, out))
		}
		fmt.Fprintf(&b, "%s%s %s", sep, v.name, regexp.MustCompile(`\d+\.[\w.]*\d`).Find(out))
		sep = ", "
	}
	return b.String() + ".\n"
}

func goVersion(module string) []string {
	return []string{"go", "list", "-m", "-f", "{{.Version}}", module}
}

// must is for programs that the tests have run.
func must(path string, err error) string {
	if err != nil {
		panic(err)
	}
	return path
}
