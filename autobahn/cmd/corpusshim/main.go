// Command corpusshim is this module's shim for the conformance corpus: it reads cases from standard
// input, one JSON text a line, and writes what the library makes of each. See autobahn/corpus.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/rfc6455/ws/autobahn/corpus"
	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/handshake"
)

func main() {
	in := bufio.NewReader(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var c corpus.Case
		if err := json.Unmarshal(line, &c); err != nil {
			log.Fatal(err)
		}
		if err := out.Encode(run(c)); err != nil {
			log.Fatal(err)
		}
	}
}

// wire is a transport on which the chunks come, and then the end.
type wire struct {
	in  [][]byte
	mu  sync.Mutex
	out bytes.Buffer
}

func (w *wire) Read(p []byte) (int, error) {
	if len(w.in) == 0 {
		return 0, io.EOF
	}
	n := copy(p, w.in[0])
	if w.in[0] = w.in[0][n:]; len(w.in[0]) == 0 {
		w.in = w.in[1:]
	}
	return n, nil
}

func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(p)
}

func (w *wire) Close() error { return nil }

// run has the library read a case.
func run(c corpus.Case) corpus.Answer {
	w := new(wire)
	for _, chunk := range c.In {
		b, err := hex.DecodeString(chunk)
		if err != nil {
			log.Fatal(err)
		}
		w.in = append(w.in, b)
	}
	role := ws.RoleServer
	if c.Role == "client" {
		role = ws.RoleClient
	}
	var n ws.Negotiated
	if d := c.Deflate; d != nil {
		n.Deflate = &handshake.Deflate{
			ServerNoContextTakeover: d.ServerNoTakeover, ClientNoContextTakeover: d.ClientNoTakeover,
			ServerMaxWindowBits: d.ServerBits, ClientMaxWindowBits: d.ClientBits,
		}
	}
	a := corpus.Answer{ID: c.ID, Pings: true}
	note := func(kind string, p []byte) {
		a.Events = append(a.Events, strings.TrimSpace(kind+" "+hex.EncodeToString(p)))
	}
	conn := ws.New(w, role, n, ws.Config{MaxMessageSize: int64(c.Max), CloseTimeout: time.Second})
	err := conn.Serve(context.Background(), &ws.Events{
		Message: func(_ *ws.Conn, t ws.MessageType, p []byte) { note(t.String(), p) },
		Ping:    func(_ *ws.Conn, p []byte) { note("ping", p) },
		Pong:    func(_ *ws.Conn, p []byte) { note("pong", p) },
	})
	end, ok := errors.AsType[*ws.CloseError](err)
	switch {
	case !ok:
		log.Fatal(err)
	case end.Remote:
		note(fmt.Sprint("close ", uint16(end.Code)), []byte(end.Reason))
	case end.Sent != 0:
		a.Events = append(a.Events, "fail")
	default:
		a.Events = append(a.Events, "end")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	a.Out = hex.EncodeToString(w.out.Bytes())
	return a
}
