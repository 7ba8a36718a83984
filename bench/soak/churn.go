//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	ws "github.com/rfc6455/ws/conn"
)

// churnAtOnce is the greatest number of connections of the churn at one time.
const churnAtOnce = 1000

// churn begins rate connections a second until ctx ends, and waits for the last one. Connections
// for which there is no room are left out and counted as late.
func (c *client) churn(ctx context.Context, rate int) {
	const every = 10 * time.Millisecond
	tick := time.NewTicker(every)
	defer tick.Stop()
	room := make(chan struct{}, churnAtOnce)
	var wg sync.WaitGroup
	defer wg.Wait()
	begun := int64(0)
	for start := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for due := int64(time.Since(start).Seconds() * float64(rate)); begun < due; begun++ {
			select {
			case room <- struct{}{}:
			default:
				c.late.Add(1)
				continue
			}
			r := rand.New(rand.NewPCG(3, uint64(begun)))
			wg.Go(func() {
				c.visit(r)
				<-room
			})
		}
	}
}

// visit is one connection of the churn: some messages, and one of the ends.
func (c *client) visit(r *rand.Rand) {
	nc, id, err := c.dial(r)
	if err != nil {
		c.problems.add("%v", err)
		return
	}
	sent := uint32(r.IntN(5))
	if err := c.exchange(r, nc, id, sent); err != nil {
		c.problems.add("client: connection %d: %v", id, err)
		_ = nc.CloseNow()
		return
	}
	switch r.IntN(10) {
	default:
		c.close(nc, id, sent)
	case 0:
		c.askForClose(nc, id, sent)
	case 1:
		_ = nc.CloseNow()
		c.cut.Add(1)
	case 2:
		c.cutMidway(r, nc, id, sent)
	}
	<-nc.Done()
}

// exchange sends n messages, and reads their echoes after each or all at the end.
func (c *client) exchange(r *rand.Rand, nc *ws.Conn, id, n uint32) error {
	ctx, cancel := context.WithTimeout(bg, patience)
	defer cancel()
	got := counter{id: id, known: true}
	var buf []byte
	atOnce := r.IntN(2) == 0
	for seq := range n {
		if err := c.send(r, nc, id, seq, messageSize(r)); err != nil {
			return fmt.Errorf("message %d: %w", seq, err)
		}
		for got.count <= seq && (!atOnce || seq == n-1) {
			_, p, err := nc.ReadInto(ctx, buf[:0])
			if err == nil {
				err = got.take(p)
			}
			if err != nil {
				return fmt.Errorf("of %d messages %d came back: %w", seq+1, got.count, err)
			}
			c.messages.Add(1)
			buf = p
		}
	}
	return nil
}

// askForClose has the server close, which says how many messages came.
func (c *client) askForClose(nc *ws.Conn, id, sent uint32) {
	err := nc.Write(bg, ws.Text, []byte(pleaseClose))
	if err == nil {
		_, _, err = nc.Read(bg)
	}
	var end *ws.CloseError
	if !errors.As(err, &end) || !end.Clean() || !end.Remote || end.Code != closeAsked || end.Reason != strconv.Itoa(int(sent)) {
		c.problems.add("client: connection %d of %d messages: the server was asked to close: %v", id, sent, err)
		return
	}
	c.asked.Add(1)
}

// cutMidway cuts the connection after a part of a message. The server must not take that part for a
// message.
func (c *client) cutMidway(r *rand.Rand, nc *ws.Conn, id, sent uint32) {
	m, err := nc.NextWriter(bg, ws.Binary)
	if err == nil {
		_, err = m.Write(appendMessage(nil, id, sent, 3*messageMost)[:2*messageMost+r.IntN(messageMost)])
	}
	if err != nil {
		c.problems.add("client: connection %d: half a message: %v", id, err)
	}
	_ = nc.CloseNow()
	c.cut.Add(1)
}
