//go:build linux

// Command million measures what an idle connection in an event loop costs, and says what a million
// of them would cost: the memory of a server's process and of a client's, both of which use a
// ws.Loop, and the memory of the kernel. docs/million.md shows what it prints.
//
//	go run ./bench/million                       # 10,000 connections
//	go run ./bench/million -conns 100000 -tls    # as many as ulimit -Hn allows, over TLS
//	go run ./bench/million -takeover -size 512   # compress, with a window for each direction
//	go run ./bench/million -takeover -size 512 -keepalive 10s   # and fold the windows of who is idle
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"sync"
	"time"

	ws "github.com/rfc6455/ws/conn"
)

func main() {
	var o options
	f := flag.CommandLine
	o.flags(f)
	served := f.Bool("serve", false, "be the server: for this program's own use")
	flag.Parse()
	var err error
	if *served {
		err = o.serve()
	} else {
		err = o.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "million:", err)
		os.Exit(1)
	}
}

// options are the flags of the command line.
type options struct {
	conns, size, messages int
	tls, takeover, short  bool
	silent, keepAlive     time.Duration
}

func (o *options) flags(f *flag.FlagSet) {
	f.IntVar(&o.conns, "conns", 10_000,
		"connections; the limit of open files allows fewer, perhaps")
	f.IntVar(&o.size, "size", 128, "bytes of each message")
	f.IntVar(&o.messages, "messages", 10, "messages on each connection, before all are silent")
	f.BoolVar(&o.tls, "tls", false, "speak TLS")
	f.BoolVar(&o.takeover, "takeover", false, "compress, with context takeover")
	f.BoolVar(&o.short, "short", false, "answer each message with its first two bytes, not all")
	f.DurationVar(&o.silent, "silent", 5*time.Second, "how long all are silent first")
	f.DurationVar(&o.keepAlive, "keepalive", 0, "Config.KeepAlive of both ends; all are silent for twice as long at least")
}

// config is that of both ends.
func (o *options) config() ws.Config {
	cfg := ws.Config{Loop: &eventLoop, KeepAlive: o.keepAlive}
	if o.takeover {
		cfg.Compression.Mode = ws.CompressionTakeover
	}
	return cfg
}

// message is message number n: JSON, as programs send it.
func (o *options) message(n int) []byte {
	var p []byte
	for i := 0; len(p) < o.size; i++ {
		p = fmt.Appendf(p, `{"id":%d,"user":"u%x","at":"2026-01-02T03:04:%02d.%06dZ","value":%d},`,
			n*100+i, rand.Uint32(), n%60, rand.IntN(1e6), rand.IntN(1e5))
	}
	return p[:o.size]
}

// perAddress is how many connections go to one of the server's addresses. Loopback has about 28,000
// ports for each.
const perAddress = 20_000

// addresses is how many addresses the server has.
const addresses = 60

// eventLoop is the process's Loop.
var eventLoop ws.Loop

// serve echoes on all addresses, and answers each line of its input with what the process holds.
func (o *options) serve() error {
	u := ws.Upgrader{Config: o.config()}
	srv := httptest.NewUnstartedServer(u.Handler(&ws.Events{
		Message: func(c *ws.Conn, t ws.MessageType, p []byte) {
			if o.short {
				p = p[:min(2, len(p))]
			}
			_ = c.Append(t, p)
		},
	}))
	srv.StartTLS() // for its certificate
	defer srv.Close()
	var urls []string
	for i := range addresses {
		ln, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.%d:0", i+1))
		if err != nil {
			return err
		}
		scheme := "ws://"
		ln = eventLoop.Listener(ln)
		if o.tls {
			scheme, ln = "wss://", tls.NewListener(ln, srv.TLS)
		}
		urls = append(urls, scheme+ln.Addr().String())
		go func() { _ = (&http.Server{Handler: srv.Config.Handler}).Serve(ln) }()
	}
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(urls); err != nil {
		return err
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		held, err := processNow()
		if err == nil {
			err = out.Encode(held)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// server is the server's process, as the client sees it.
type server struct {
	ask    func() error
	answer *json.Decoder
	urls   []string
}

// start starts the server's process. It ends with this one, when its input does.
func (o *options) start() (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "-serve",
		fmt.Sprintf("-tls=%v", o.tls), fmt.Sprintf("-takeover=%v", o.takeover),
		fmt.Sprintf("-short=%v", o.short), fmt.Sprintf("-keepalive=%v", o.keepAlive))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{answer: json.NewDecoder(out)}
	s.ask = func() error { _, err := in.Write([]byte("\n")); return err }
	return s, s.answer.Decode(&s.urls)
}

// now returns what the server holds.
func (s *server) now() (p process, err error) {
	if err := s.ask(); err != nil {
		return p, err
	}
	err = s.answer.Decode(&p)
	return p, err
}

// run makes the connections and measures.
func (o *options) run() error {
	conns := min(o.conns, openFiles()-200)
	s, err := o.start()
	if err != nil {
		return err
	}
	dialer := &ws.Dialer{
		Config: o.config(), Proxy: ws.NoProxy,
		TLSConfig: &tls.Config{InsecureSkipVerify: true}, // of a server of this program's
	}
	var answers sync.WaitGroup
	ev := &ws.Events{Message: func(*ws.Conn, ws.MessageType, []byte) { answers.Done() }}
	all := make([]*ws.Conn, 0, conns+1)
	dial := func() error {
		c, _, err := dialer.Dial(context.Background(), s.urls[len(all)/perAddress%addresses])
		if err != nil {
			return err
		}
		all = append(all, c)
		return c.Handle(ev)
	}
	if err := dial(); err != nil { // what a process needs once is not counted
		return err
	}
	before, err := look(s)
	if err != nil {
		return err
	}
	for range conns {
		if err := dial(); err != nil {
			return err
		}
	}
	for n := range o.messages {
		answers.Add(len(all))
		for _, c := range all {
			if err := c.Send(ws.Text, o.message(n)); err != nil {
				return err
			}
		}
		answers.Wait()
	}
	time.Sleep(max(o.silent, 2*o.keepAlive)) // what idle connections hold is what is measured
	after, err := look(s)
	if err != nil {
		return err
	}
	report(conns, before, after)
	return nil
}
