package main

import (
	"context"
	"encoding/json"
	"fmt"

	ws "github.com/rfc6455/ws/conn"
)

// watcher follows prices. Whenever its connection has ended it dials again, with backoff and
// jitter, subscribes again, and notices what it has missed. One goroutine calls the functions.
type watcher struct {
	dialer  ws.Dialer
	url     string
	symbols []string

	price  func(q quote)
	gap    func(symbol string, missed uint64) // missed is 0 if the server has begun anew: nobody knows
	failed func(err error)                    // of a connection, or an attempt to get one
}

// run follows the prices until ctx ends, or the server does not want this client any more.
func (w *watcher) run(ctx context.Context) error {
	last := make(map[string]quote) // what was seen of each symbol, over all connections
	var ended error
	for c, err := range w.dialer.Reconnect(ctx, w.url) {
		if err == nil {
			err = w.follow(ctx, c, last)
		}
		ended = err
		if ctx.Err() == nil {
			w.failed(err)
		}
	}
	return ended
}

// follow serves one connection until its end.
func (w *watcher) follow(ctx context.Context, c *ws.Conn, last map[string]quote) error {
	for _, symbol := range w.symbols {
		p, err := json.Marshal(request{Subscribe: symbol})
		if err != nil {
			return err
		}
		if err := c.Append(ws.Text, p); err != nil { // they leave together
			return err
		}
	}
	return c.Serve(ctx, &ws.Events{Message: func(c *ws.Conn, _ ws.MessageType, p []byte) {
		var q quote
		switch err := json.Unmarshal(p, &q); {
		case err != nil:
			_ = c.Close(ws.CloseUnsupportedData, "want a quote")
		case q.Error != "":
			w.failed(fmt.Errorf("%s: %s", q.Symbol, q.Error))
		default:
			w.take(q, last)
		}
	}})
}

// take passes a price on, unless it was seen before, and tells of a gap before it.
func (w *watcher) take(q quote, last map[string]quote) {
	before, known := last[q.Symbol]
	last[q.Symbol] = q
	switch {
	case !known:
	case before.Run != q.Run:
		w.gap(q.Symbol, 0)
	case q.Number <= before.Number: // the price as it was when the connection ended
		return
	case q.Number > before.Number+1:
		w.gap(q.Symbol, q.Number-before.Number-1)
	}
	w.price(q)
}
