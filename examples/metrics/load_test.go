package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	ws "github.com/rfc6455/ws/conn"
)

// behaviour is what a client does in the end, or in place of being a good one.
type behaviour int

const (
	closes   behaviour = iota // with 1000
	leaves                    // with 1001, as a browser does
	vanishes                  // without a Close frame
	exceeds                   // sends a message that is too big
	lags                      // reads late
	strays                    // comes from a page of another site
)

// some returns a behaviour, mostly a good one.
func some() behaviour {
	switch n := rand.IntN(20); n {
	case 0:
		return exceeds
	case 1:
		return strays
	case 2:
		return lags
	case 3, 4:
		return vanishes
	default:
		return behaviour(n % 2)
	}
}

// crowd is n clients who come again and again until ctx ends. Each stays for a while, up to the
// given time.
func crowd(ctx context.Context, url string, n int, stay time.Duration) {
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for ctx.Err() == nil {
				visit(ctx, url, some(), rand.N(stay))
			}
		})
	}
	all.Wait()
}

// visit is one connection of a client, with some messages at its beginning.
func visit(ctx context.Context, url string, b behaviour, stay time.Duration) {
	d := ws.Dialer{Config: ws.Config{Compression: ws.Compression{Mode: ws.CompressionTakeover}}}
	if b == strays {
		d.Header = http.Header{"Origin": {"https://elsewhere.example"}}
	}
	c, _, err := d.Dial(ctx, url)
	if err != nil {
		return
	}
	defer c.CloseNow()
	ctx, cancel := context.WithTimeout(ctx, stay)
	defer cancel()
	go talk(ctx, c, b)
	if b == lags {
		<-ctx.Done()
		return
	}
	for err == nil { // until ctx or the connection ends; its reader answers Pings
		_, _, err = c.Read(ctx)
	}
	switch b {
	case closes:
		_ = c.Close(ws.CloseNormal, "")
	case leaves:
		_ = c.Close(ws.CloseGoingAway, "")
	}
}

// talk writes to the server.
func talk(ctx context.Context, c *ws.Conn, b behaviour) {
	const line = `{"room":"lobby","user":"ann","text":"hello, hello"}`
	for i := range 1 + rand.IntN(20) {
		text := fmt.Appendf(nil, "[%d,%s]", i, bytes.Repeat([]byte(line+","), 1+rand.IntN(20)))
		if c.Write(ctx, ws.Text, text) != nil {
			return
		}
	}
	switch b {
	case exceeds:
		_ = c.Write(ctx, ws.Binary|ws.Uncompressed, make([]byte, 2<<20))
	case lags:
		noise := make([]byte, 64<<10)
		for i := range noise {
			noise[i] = byte(rand.Int())
		}
		for range 200 { // more than the buffers of the system hold
			if c.Write(ctx, ws.Binary|ws.Uncompressed, noise) != nil {
				return
			}
		}
	}
}
