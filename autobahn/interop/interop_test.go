// Package interop runs conn against the WebSocket libraries of Node and Python,
// in both roles, with every set of compression parameters that they accept.
package interop

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
)

// peer is a library of another language.
type peer struct {
	name    string
	client  func(url string, o *options) *exec.Cmd
	server  func(o *options) *exec.Cmd
	minBits int // the smallest window that its zlib can make
}

// options are the parameters of permessage-deflate that a peer is given; nil
// switches compression off.
type options struct {
	server, client           int // window bits; 0: not said
	serverAlone, clientAlone bool
}

var peers = []peer{
	{
		name: "node ws", minBits: 9,
		client: func(url string, o *options) *exec.Cmd {
			return node("testdata/client.mjs", url, nodeOptions(o))
		},
		server: func(o *options) *exec.Cmd { return node("testdata/server.mjs", nodeOptions(o)) },
	},
	{
		name: "python websockets", minBits: 9,
		client: func(url string, o *options) *exec.Cmd {
			return exec.Command(python, "testdata/client.py", url, pythonOptions(o, "client"))
		},
		server: func(o *options) *exec.Cmd {
			return exec.Command(python, "testdata/server.py", pythonOptions(o, "server"))
		},
	},
}

func node(argv ...string) *exec.Cmd {
	cmd := exec.Command("node", argv...)
	cmd.Env = append(os.Environ(), "NODE_MODULES="+nodeModules)
	return cmd
}

func nodeOptions(o *options) string {
	if o == nil {
		return `{"perMessageDeflate":false}`
	}
	p := map[string]any{"threshold": 0}
	if o.server != 0 {
		p["serverMaxWindowBits"] = o.server
	}
	if o.client != 0 {
		p["clientMaxWindowBits"] = o.client
	}
	if o.serverAlone {
		p["serverNoContextTakeover"] = true
	}
	if o.clientAlone {
		p["clientNoContextTakeover"] = true
	}
	b, _ := json.Marshal(map[string]any{"perMessageDeflate": p})
	return string(b)
}

func pythonOptions(o *options, role string) string {
	if o == nil {
		return "null"
	}
	p := map[string]any{
		"server_no_context_takeover": o.serverAlone,
		"client_no_context_takeover": o.clientAlone,
	}
	if o.server != 0 {
		p["server_max_window_bits"] = o.server
	}
	if o.client != 0 {
		p["client_max_window_bits"] = o.client
	} else if role == "client" {
		p["client_max_window_bits"] = true
	}
	b, _ := json.Marshal(p)
	return string(b)
}

// matrix is what the peers are given, beside no compression.
func matrix(min int) []*options {
	all := []*options{nil, {}, {serverAlone: true}, {clientAlone: true}, {serverAlone: true, clientAlone: true}}
	for bits := min; bits <= 15; bits++ {
		all = append(all, &options{server: bits}, &options{client: bits}, &options{server: bits, client: bits, clientAlone: true})
	}
	return all
}

func (o *options) String() string {
	if o == nil {
		return "plain"
	}
	return fmt.Sprintf("server=%d client=%d serverAlone=%v clientAlone=%v", o.server, o.client, o.serverAlone, o.clientAlone)
}

// messages are those of testdata/messages.mjs and messages.py.
func messages() (list [][]byte, types []ws.MessageType) {
	var text []byte
	for i := range 3000 {
		text = fmt.Appendf(text, `{"id":%d,"name":"user %d"}`, i*7919%1000, i%17)
	}
	data := make([]byte, 200000)
	for i, x := 0, 1; i < len(data); i++ {
		x = (x*75 + 74) % 65537
		data[i] = byte(x)
	}
	add := func(t ws.MessageType, p []byte) { list, types = append(list, p), append(types, t) }
	for _, s := range []string{"", "a", "κόσμε 𝄞", strings.Repeat("x", 125), strings.Repeat("x", 126), strings.Repeat("x", 65535), strings.Repeat("x", 65536)} {
		add(ws.Text, []byte(s))
	}
	add(ws.Text, text)
	add(ws.Text, text[:700])
	add(ws.Text, text[100:900])
	add(ws.Binary, data)
	add(ws.Binary, nil)
	add(ws.Binary, data[:300])
	add(ws.Text, text[:700])
	return list, types
}

// ours is this library's configuration on the other side.
func ours() ws.Config {
	return ws.Config{Compression: ws.Compression{
		Mode: ws.CompressionTakeover, Threshold: -1, ServerWindowBits: 15, ClientWindowBits: 15,
	}}
}

// TestServer: the peers' clients against our server.
func TestServer(t *testing.T) {
	u := &ws.Upgrader{Config: ours(), Subprotocols: []string{"chat"}}
	ended := make(chan *ws.CloseError, 1)
	srv := httptest.NewServer(u.Handler(&ws.Events{
		Message: func(c *ws.Conn, mt ws.MessageType, p []byte) {
			if err := c.Append(mt, p); err != nil {
				t.Error(err)
			}
		},
		Close: func(_ *ws.Conn, err *ws.CloseError) { ended <- err },
	}))
	defer srv.Close()
	url := "ws" + strings.TrimPrefix(srv.URL, "http")
	for _, p := range peers {
		for _, o := range matrix(p.minBits) {
			t.Run(p.name+"/"+o.String(), func(t *testing.T) {
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				defer cancel()
				cmd := p.client(url, o)
				var stderr bytes.Buffer
				cmd.Stderr = &stderr
				stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
				defer stop()
				out, err := cmd.Output()
				if err != nil {
					t.Fatalf("%v\n%s", err, stderr.String())
				}
				protocol, extension, _ := strings.Cut(strings.TrimSpace(string(out)), "|")
				if protocol != "chat" || (extension != "") != (o != nil) {
					t.Errorf("agreed on %q", out)
				}
				if end := <-ended; end.Code != 4001 || !end.Remote {
					t.Error(end)
				}
			})
		}
	}
}

// TestClient: our client against the peers' servers.
func TestClient(t *testing.T) {
	for _, p := range peers {
		for _, o := range matrix(p.minBits) {
			t.Run(p.name+"/"+o.String(), func(t *testing.T) { runClient(t, p, o) })
		}
	}
}

func runClient(t *testing.T, p peer, o *options) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	url := "ws://127.0.0.1:" + start(t, p.server(o))
	d := &ws.Dialer{Config: ours(), Subprotocols: []string{"chat"}, Proxy: ws.NoProxy}
	c, _, err := d.Dial(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	if z := c.Deflate(); (z.ServerMaxWindowBits != 0) != (o != nil) || (o != nil && o.server != 0 && z.ServerMaxWindowBits > o.server) {
		t.Errorf("agreed on %+v", z)
	}
	list, types := messages()
	sent := make(chan error, 1)
	go func() {
		for i, m := range list {
			if err := c.Write(ctx, types[i], m); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	for i, want := range list {
		mt, got, err := c.Read(ctx)
		if err != nil || mt != types[i] || !bytes.Equal(got, want) {
			t.Fatalf("message %d: got %v of %d bytes, want %v of %d: %v", i, mt, len(got), types[i], len(want), err)
		}
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if err := c.Close(4001, "enough"); err != nil {
		t.Fatal(err)
	}
}

// start runs a server until the test ends and returns the port that it prints.
func start(t *testing.T, cmd *exec.Cmd) (port string) {
	t.Helper()
	cmd.Stderr = os.Stderr
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
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the server did not start: %v", err)
	}
	return strings.TrimSpace(line)
}
