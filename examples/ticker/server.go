package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	mathrand "math/rand/v2"
	"net/http"
	"sync"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/hub"
)

// quote is a price, as clients get it. Numbers of one symbol and one run have no gaps, so that a
// client can tell what it has missed.
type quote struct {
	Symbol string `json:"symbol"`
	Run    string `json:"run"` // names the life of the server: numbers begin anew with it
	Number uint64 `json:"number"`
	Cents  int64  `json:"cents"`
	Error  string `json:"error,omitempty"` // instead of a price
}

// request is what clients send.
type request struct {
	Subscribe string `json:"subscribe"`
}

// market has the prices, and the connections that want them.
type market struct {
	hub  hub.Hub
	open ws.Group

	mu     sync.Mutex
	quotes map[string]quote
}

func newMarket(symbols ...string) *market {
	m := &market{quotes: make(map[string]quote)}
	// A price supersedes the one before: a client that reads slowly gets the latest alone.
	m.hub.Conflate = func(string) bool { return true }
	run := rand.Text()
	for _, symbol := range symbols {
		m.quotes[symbol] = quote{Symbol: symbol, Run: run, Cents: 10_000}
	}
	return m
}

// trade changes all prices, and tells those who want them.
func (m *market) trade(ctx context.Context) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for symbol, q := range m.quotes {
		q.Number++
		q.Cents = max(1, q.Cents+mathrand.Int64N(201)-100)
		m.quotes[symbol] = q
		if p, err := json.Marshal(q); err == nil {
			_, _ = m.hub.Publish(ctx, symbol, ws.Text, p) // a Hub without a Broker has no errors here
		}
	}
}

// run trades until ctx ends.
func (m *market) run(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			m.trade(ctx)
		case <-ctx.Done():
			return
		}
	}
}

func (m *market) handler() http.Handler {
	u := ws.Upgrader{
		Config: ws.Config{Group: &m.open, MaxMessageSize: 1 << 10, KeepAlive: 20 * time.Second},
	}
	return u.Handler(&ws.Events{Message: m.message})
}

// message subscribes a client. It gets the price as it is at once, and then every change: nothing
// changes in between, since the market is locked.
func (m *market) message(c *ws.Conn, t ws.MessageType, p []byte) {
	var r request
	if t != ws.Text || json.Unmarshal(p, &r) != nil {
		_ = c.Close(ws.CloseUnsupportedData, `want {"subscribe":"symbol"}`)
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	ctx := context.Background() // nobody waits in a Hub without a Broker
	q, ok := m.quotes[r.Subscribe]
	if !ok {
		q = quote{Symbol: r.Subscribe, Error: "there is no such symbol"}
	} else if _, err := m.hub.Subscribe(ctx, c, r.Subscribe, hub.Position{}); err != nil {
		q = quote{Symbol: r.Subscribe, Error: err.Error()}
	}
	if p, err := json.Marshal(q); err == nil {
		_ = c.Send(ws.Text, p)
	}
}
