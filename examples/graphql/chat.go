package main

import (
	"context"
	"errors"
	"sync"
)

const schema = `
type Query {
	"Who the server thinks you are."
	me: String!
	"How many listen."
	listeners: Int!
}

type Mutation {
	"Says something to all who listen, and returns how many do."
	say(text: String!): Int!
}

type Subscription {
	said: Line!
	"Counts down to 1."
	countdown(from: Int!): Int!
}

type Line {
	name: String!
	text: String!
}
`

// maxBehind is how many lines a listener may be behind. Then its subscription ends.
const maxBehind = 100

// chat is the resolver of the schema.
type chat struct {
	mu        sync.Mutex
	listeners map[chan *line]bool
}

type line struct{ name, text string }

func (l *line) Name() string { return l.name }
func (l *line) Text() string { return l.text }

// Me resolves Query.me.
func (c *chat) Me(ctx context.Context) string {
	name, _ := ctx.Value(nameKey{}).(string)
	return name
}

// Listeners resolves Query.listeners.
func (c *chat) Listeners() int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return int32(len(c.listeners))
}

// Say resolves Mutation.say.
func (c *chat) Say(ctx context.Context, args struct{ Text string }) int32 {
	l := &line{c.Me(ctx), args.Text}
	c.mu.Lock()
	defer c.mu.Unlock()
	for ch := range c.listeners {
		select {
		case ch <- l:
		default:
			close(ch) // it is too far behind
			delete(c.listeners, ch)
		}
	}
	return int32(len(c.listeners))
}

// Said resolves Subscription.said.
func (c *chat) Said(ctx context.Context) <-chan *line {
	ch := make(chan *line, maxBehind)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.listeners == nil {
		c.listeners = map[chan *line]bool{}
	}
	c.listeners[ch] = true
	context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.listeners, ch)
	})
	return ch
}

// Countdown resolves Subscription.countdown.
func (c *chat) Countdown(ctx context.Context, args struct{ From int32 }) (<-chan int32, error) {
	if args.From < 1 || args.From > 1000 {
		return nil, errors.New("a countdown begins at 1 to 1000")
	}
	ch := make(chan int32)
	go func() {
		defer close(ch)
		for i := args.From; i > 0; i-- {
			select {
			case ch <- i:
			case <-ctx.Done():
				return
			}
		}
	}()
	return ch, nil
}
