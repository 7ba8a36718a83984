// Command echoclient lets the fuzzing server of a conformance suite test this library as a
// client. It asks for the number of cases, runs each by echoing what the server sends, and has
// the reports written.
//
//	go run ./autobahn/cmd/echoclient -url ws://127.0.0.1:9001 -agent NAME
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net/url"
	"strconv"

	ws "github.com/rfc6455/ws/conn"
)

// maxMessage is the largest message of the suites.
const maxMessage = 16 << 20

func main() {
	base := flag.String("url", "ws://127.0.0.1:9001", "the fuzzing server's URL")
	agent := flag.String("agent", "rfc6455/ws", "name of this client in the reports")
	flag.Parse()
	if err := run(context.Background(), *base, *agent); err != nil {
		log.Fatal(err)
	}
}

// run is one pass over all cases of the fuzzing server at base.
func run(ctx context.Context, base, agent string) error {
	d := &ws.Dialer{
		Config: ws.Config{
			MaxMessageSize: maxMessage,
			Compression:    ws.Compression{Mode: ws.CompressionTakeover, ServerWindowBits: 15, ClientWindowBits: 15, Threshold: -1},
		},
		Proxy: ws.NoProxy,
	}
	n, err := caseCount(ctx, d, base)
	if err != nil {
		return err
	}
	name := url.QueryEscape(agent)
	for i := 1; i <= n; i++ {
		u := fmt.Sprintf("%s/runCase?case=%d&agent=%s", base, i, name)
		if err := echo(ctx, d, u); err != nil {
			log.Printf("case %d: %v", i, err)
		}
	}
	return echo(ctx, d, fmt.Sprintf("%s/updateReports?agent=%s", base, name))
}

// caseCount asks how many cases there are.
func caseCount(ctx context.Context, d *ws.Dialer, base string) (int, error) {
	c, _, err := d.Dial(ctx, base+"/getCaseCount")
	if err != nil {
		return 0, err
	}
	defer func() { _ = c.Close(ws.CloseNormal, "") }()
	_, p, err := c.Read(ctx)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(p))
}

// echo answers every message with the same message until the connection ends. The suite judges
// how it ends.
func echo(ctx context.Context, d *ws.Dialer, u string) error {
	c, _, err := d.Dial(ctx, u)
	if err != nil {
		return err
	}
	defer func() { <-c.Done() }()
	var buf []byte
	for {
		t, p, err := c.ReadInto(ctx, buf[:0])
		if err != nil {
			return nil
		}
		buf = p
		if err := c.Write(ctx, t, p); err != nil {
			return c.CloseNow()
		}
	}
}
