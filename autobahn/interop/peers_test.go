package interop

import (
	"os"
	"os/exec"
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
}

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
	{name: "Node http2 and ws", argv: nodePeer("http2.mjs"), roles: both, http2: true},
	{name: "Python h2 and wsproto", argv: pythonPeer("h2_.py"), roles: both, compressed: []aspect{between}, http2: true},
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
		"SSL_CERT_FILE="+built.authority, "PYTHONDONTWRITEBYTECODE=1", "NO_PROXY=*", "no_proxy=*")
	return cmd
}
