package interop

import (
	"fmt"
	"os/exec"
	"regexp"
	"strings"
)

// introduction is docs/interop.md before the matrix.
const introduction = `# With whom it talks

What passed between this library and others, in both roles: where the peer is the client, this library was the server.
` + "`make interop`" + ` runs it all and fails where this table does not say what has passed; ` + "`make interop-summary`" + ` writes it.
How it is done: [autobahn/interop](../autobahn/interop/README.md).

- *text*, *binary*: messages of every length class, sent without waiting for their echoes. *16 MiB*: one of each.
- *fragments*: messages in several frames; *pings between*: with pings among them. From the peer, the frames are counted.
- *ping*: answered by the other side. *close*: with a code and a reason that the other side was told.
- *TLS*: wss, with a certificate that was verified.
- *permessage-deflate*: messages with all the parameters that are listed (the bits of each side's window, and whether
  it kept it between messages), and all of the above once more with it, but for 16 MiB with Node's own WebSocket,
  pings between fragments with wsproto, and empty messages and its own pings with libwebsockets.
- *HTTP/2*: the rows of "Node http2 and ws" (ws makes the frames on a stream of Node's http2), of "Python h2 and wsproto",
  and of HAProxy "to HTTP/2" or "HTTP/2 to" are over HTTP/2 (RFC 8441). nginx does not take WebSockets over HTTP/2 and
  says so in its SETTINGS, so that clients come with HTTP/1.1. nghttp sees SETTINGS_ENABLE_CONNECT_PROTOCOL.
- –: the peer has no call for it, or it was not tried. libcurl was met without compression.

`

// versions is docs/interop.md after the matrix.
func versions() string {
	var b strings.Builder
	b.WriteString("\nThe versions of the run that wrote this:")
	sep := " "
	for _, v := range []struct {
		name string
		argv []string
	}{
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
		{"libcurl", []string{built.python, "-c", "import pycurl; print(pycurl.version.split('libcurl/')[1])"}},
		{"libwebsockets", []string{built.lws, "version"}},
		{nginx.program, []string{must(executable(nginx.program)), "-v"}},
		{haproxy.program, []string{must(executable(haproxy.program)), "-v"}},
		{"nghttp", []string{"nghttp", "--version"}},
		{tinyproxy.program, []string{must(executable(tinyproxy.program)), "-v"}},
	} {
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
