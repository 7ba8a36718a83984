package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// peer is a WebSocket library that is not this one, as a program that obeys the
// lines of the README.
type peer struct {
	name  string
	argv  func() []string             // its program, or
	start func(t *testing.T) *process // what starts it
	roles []role
	// parameters are those of permessage-deflate that the program can be told.
	// A library without any is only met with ours.
	parameters []string
	plain      bool     // it is met without permessage-deflate
	lacks      []aspect // what its users have no call for
	compressed []aspect // what is left out where messages are compressed
	unbounded  bool     // its server is not asked to bound its window
	http2      bool     // it is met over HTTP/2
	http3      bool     // it is met over HTTP/3, and so always over TLS
	told       ending   // what its users learn about the end of a connection
	second     bool     // its row is in the second table
}

// ending is what a peer's users learn about the end of a connection.
type ending int

const (
	codeAndReason ending = iota
	codeAlone
	neither
	nothing // not even that the connection has ended
)

// role is what the peer is; this library is the other side.
type role string

const (
	asClient role = "client"
	asServer role = "server"
)

// every is all parameters of permessage-deflate; alone is both sides'.
var every = []string{"server_bits", "client_bits", "server_alone", "client_alone", "alone"}

var both = []role{asClient, asServer}

var peers = []peer{
	{name: "Chromium", start: chromium.start, roles: []role{asClient}, lacks: []aspect{theirPing, theirFragments}},
	{name: "Firefox", start: firefox.start, roles: []role{asClient}, lacks: []aspect{theirPing, theirFragments}},
	{name: "gorilla/websocket", argv: goPeer("gorilla"), roles: both},
	{name: "coder/websocket", argv: goPeer("coder"), roles: both, parameters: []string{"alone"}},
	{name: "gws", argv: goPeer("gws"), roles: both, parameters: every},
	{name: "Node ws", argv: nodePeer("ws.mjs"), roles: both, parameters: every},
	{
		name: "Node's own WebSocket", argv: nodePeer("--experimental-websocket", "websocket.mjs"), roles: []role{asClient},
		lacks: []aspect{theirPing, theirFragments}, compressed: []aspect{largest},
	},
	{
		name: "undici", argv: nodePeer("websocket.mjs", "undici"), roles: []role{asClient},
		lacks: []aspect{theirPing, theirFragments},
	},
	{name: "Python websockets", argv: pythonPeer("websockets_.py"), roles: both, parameters: every},
	{
		name: "aiohttp", argv: pythonPeer("aiohttp_.py"), roles: both, parameters: []string{"server_bits"},
		lacks: []aspect{theirFragments},
	},
	{name: "wsproto", argv: pythonPeer("wsproto_.py"), roles: both, parameters: every, compressed: []aspect{between}},
	{name: "autobahn-python", argv: pythonPeer("autobahn_.py"), roles: both, parameters: every},
	{name: "Tornado", argv: pythonPeer("tornado_.py"), roles: both, lacks: []aspect{theirFragments}, compressed: []aspect{between}},
	{
		name: "uvicorn with websockets", argv: pythonPeer("asgi.py", "uvicorn"), roles: []role{asServer},
		lacks: []aspect{theirPing, theirFragments},
	},
	{
		name: "uvicorn with wsproto", argv: pythonPeer("asgi.py", "uvicorn-wsproto"), roles: []role{asServer},
		lacks: []aspect{theirPing, theirFragments}, compressed: []aspect{between},
	},
	{
		name: "hypercorn", argv: pythonPeer("asgi.py", "hypercorn"), roles: []role{asServer},
		lacks: []aspect{theirPing, theirFragments}, compressed: []aspect{between}, told: neither,
	},
	{name: "Bun", argv: bunPeer, roles: both, lacks: []aspect{theirFragments}},
	{name: "libsoup", argv: soupPeer, roles: both, lacks: []aspect{theirPing, theirFragments}, unbounded: true},
	{name: "Mojolicious", argv: perlPeer("mojo.pl"), roles: both},
	{name: "Node http2 and ws", argv: nodePeer("http2.mjs"), roles: both, http2: true},
	{name: "Python h2 and wsproto", argv: pythonPeer("h2_.py"), roles: both, compressed: []aspect{between}, http2: true},
	{name: "aioquic and wsproto", argv: pythonPeer("aioquic_.py"), roles: both, compressed: []aspect{between}, http3: true},
	{
		name: "hypercorn, HTTP/3", argv: pythonPeer("asgi.py", "hypercorn-h3"), roles: []role{asServer},
		lacks: []aspect{theirPing, theirFragments}, compressed: []aspect{between}, told: nothing, http3: true,
	},
	{name: "libcurl", argv: pythonPeer("curl.py"), roles: []role{asClient}, plain: true},
	{name: "libwebsockets", argv: func() []string { return []string{built.lws} }, roles: both, compressed: []aspect{empty, theirPing}, unbounded: true},
}

func goPeer(library string) func() []string {
	return func() []string { return []string{built.gopeers, library} }
}

func nodePeer(args ...string) func() []string {
	return func() []string { return inTestdata(built.node, args) }
}

func pythonPeer(args ...string) func() []string {
	return func() []string { return inTestdata(built.python, args) }
}

func perlPeer(args ...string) func() []string {
	return func() []string { return inTestdata("perl", args) }
}

func bunPeer() []string { return inTestdata(bun(), []string{"bun.mjs"}) }

// bun is the program, which comes from npm.
func bun() string { return filepath.Join(built.nodeModules, ".bin", "bun") }

// soupPeer is libsoup's: Debian's Python has its bindings, as built.python does not.
func soupPeer() []string { return inTestdata(debianPython, []string{"soup.py"}) }

const debianPython = "/usr/bin/python3"

// inTestdata is a command line whose script, the argument with a dot, is in testdata.
func inTestdata(program string, args []string) []string {
	argv := []string{program}
	for _, arg := range args {
		if strings.Contains(arg, ".") {
			arg = "testdata/" + arg
		}
		argv = append(argv, arg)
	}
	return argv
}

// command is the peer's program. It trusts the tests' certificate.
func (p *peer) command() *exec.Cmd {
	argv := p.argv()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "NODE_MODULES="+built.nodeModules, "NODE_EXTRA_CA_CERTS="+built.authority,
		"SSL_CERT_FILE="+built.authority, "CERTIFICATE="+built.certificate, "PYTHONDONTWRITEBYTECODE=1", "NO_PROXY=*", "no_proxy=*")
	return cmd
}
