package hub

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
	"unicode/utf8"

	ws "github.com/rfc6455/ws/conn"
)

// Hub has the topics of one node, and the connections that are subscribed to them. The zero value
// is a node of its own, in memory and without history. Its methods may be called concurrently. A
// Hub must not be copied, and its fields must not be changed while it is in use.
type Hub struct {
	// Broker carries messages between the nodes. Default: a [Memory] without history.
	Broker Broker

	// Envelope makes a message for connections of one that was published. It is called once for
	// each message and node, concurrently for different topics. An error drops the message.
	// Default: what was published, as it is. [JSON] adds the topic and the position, which clients
	// need if they are to come back to where they were.
	Envelope func(topic string, m *Message) (ws.MessageType, []byte, error)

	// Check decides whether c may subscribe to the topic: an error refuses that, and [Hub.Subscribe]
	// returns it. [Hub.Command] sends its text to the client. Default: everybody may subscribe to
	// everything.
	Check func(c *ws.Conn, topic string) error

	// Conflate reports whether the topic is conflated: each message supersedes those before it. A
	// peer that has not taken everything that was sent to it gets the latest message alone, once it
	// has. Default: no topic is.
	Conflate func(topic string) bool

	// Identify names a connection for [Hub.Presence], by its user for example. It is called for each
	// subscriber of a topic whenever presence is told. Default: c.Data() if that is a string, else
	// "".
	Identify func(c *ws.Conn) string

	// Lost is called if a subscription has ended before its connection: with [ErrHistoryLost] if
	// messages are missing, or with the error of [ws.Conn.SendPrepared] if the connection has
	// refused a message. It must not block. Default: the connection is closed with 1013 (try again
	// later), so that the client connects again and learns by its position what it has missed.
	Lost func(c *ws.Conn, topic string, err error)

	// Failed is called if the Broker fails between two calls of the Hub, or if Envelope does. The
	// Hub goes on trying. Failed must not block, nor call the Hub. Default: nothing.
	Failed func(topic string, err error)

	// MaxTopics bounds how many topics a connection is subscribed to. Default: 100. Negative: no
	// bound.
	MaxTopics int

	// MaxTopicLength bounds the name of a topic, in bytes. Default: 200. Negative: no bound, but
	// for that of the Broker.
	MaxTopicLength int

	// MaxResume bounds how many missed messages a subscriber is sent that comes back. More than
	// that are lost to it ([ErrHistoryLost]). A topic keeps as many of its latest messages in each
	// node that has subscribers, but at most 1 MiB. Default: 1000.
	MaxResume int

	local Memory // if Broker is nil
	node  sync.Once
	name  string // of the node, in presence

	mu      sync.Mutex // comes after the topics' own
	topics  map[string]*topic
	members map[*ws.Conn]*subscription // the first one; nil if there is none at the moment
	atEnd   func(*ws.Conn)             // h.ended
	timer   *time.Timer                // of refresh; runs while there are topics and a Broker
	chores  []func()                   // what is to be done without a lock
	working bool                       // a goroutine does the chores
}

const (
	defaultMaxTopics      = 100
	defaultMaxTopicLength = 200
	defaultMaxResume      = 1000
)

// Errors of Subscribe and Publish.
var (
	// ErrHistoryLost says that messages after the position are gone, or too many. The subscriber
	// begins anew: it gets the state by other means, and subscribes from the zero Position.
	ErrHistoryLost = errors.New("hub: messages after this position are lost: load the present state, and subscribe from the zero Position")

	// ErrSubscribed says that the connection is subscribed to the topic already.
	ErrSubscribed = errors.New("hub: the connection is subscribed to this topic already")

	// ErrTooManyTopics says that the connection is subscribed to Hub.MaxTopics topics.
	ErrTooManyTopics = errors.New("hub: the connection is subscribed to Hub.MaxTopics topics: unsubscribe from one first")

	// ErrTopic says that a name is none of a topic. The error that wraps it says why.
	ErrTopic = errors.New("hub: not a name of a topic")
)

// limit resolves a bound. Zero means def, and a negative value means none.
func limit(v, def int) int {
	switch {
	case v == 0:
		return def
	case v < 0:
		return int(^uint(0) >> 1)
	}
	return v
}

func (h *Hub) maxResume() int { return min(limit(h.MaxResume, defaultMaxResume), 1<<20) }

func (h *Hub) broker() Broker {
	if h.Broker != nil {
		return h.Broker
	}
	return &h.local
}

func (h *Hub) failed(topic string, err error) {
	if h.Failed != nil {
		h.Failed(topic, err)
	}
}

// nodeName is a random name for this node.
func (h *Hub) nodeName() string {
	h.node.Do(func() { h.name = rand.Text() })
	return h.name
}

// checkTopic reports why a name is none of a topic.
func (h *Hub) checkTopic(name string) error {
	most := limit(h.MaxTopicLength, defaultMaxTopicLength)
	switch {
	case name == "":
		return fmt.Errorf("%w: it is empty", ErrTopic)
	case len(name) > most:
		return fmt.Errorf("%w: it has %d bytes, more than %d", ErrTopic, len(name), most)
	case !utf8.ValidString(name):
		return fmt.Errorf("%w: it is not UTF-8", ErrTopic)
	}
	for _, r := range name {
		if r < ' ' || r == 0x7f {
			return fmt.Errorf("%w: it has a control character", ErrTopic)
		}
	}
	return nil
}

// Publish sends a message to every subscriber of the topic, on every node, and returns the
// message's position. It is zero if the Broker keeps no history. Publish keeps nothing of p.
//
// The error is ErrTopic, ws.ErrMessageType, an error for text that is not UTF-8, or one of the
// Broker. The last may leave open whether the message was published: publishing again may publish
// it twice.
func (h *Hub) Publish(ctx context.Context, topic string, t ws.MessageType, p []byte) (Position, error) {
	if err := h.checkTopic(topic); err != nil {
		return Position{}, err
	}
	switch kind := t &^ ws.Uncompressed; {
	case kind != ws.Text && kind != ws.Binary:
		return Position{}, ws.ErrMessageType
	case kind == ws.Text && !utf8.Valid(p):
		return Position{}, errText
	}
	return h.broker().Publish(ctx, topic, t, p)
}

var errText = errors.New("hub: the text is not UTF-8: publish it as Binary")

// Subscribe subscribes a connection to a topic until the connection ends, or [Hub.Unsubscribe] is
// called. If since is the zero Position, c gets the messages from now on. Otherwise it first gets
// those that were published after since, and then goes on without a gap and without a message
// twice. Subscribe returns the position from which c gets what is published next.
//
// Subscribe may be called within a callback of c. While it sends many missed messages, it waits
// for the peer to take them.
//
// ErrHistoryLost says that the messages after since are not all there any more. Other errors are
// ErrTopic, ErrSubscribed, ErrTooManyTopics, that of Check, ctx's, the Broker's, and that of c if c
// has ended. c is then not subscribed.
func (h *Hub) Subscribe(ctx context.Context, c *ws.Conn, topic string, since Position) (Position, error) {
	if err := h.allow(c, topic); err != nil {
		return Position{}, err
	}
	return h.subscribe(ctx, c, topic, since, nil)
}

// allow reports why c may not subscribe to the topic.
func (h *Hub) allow(c *ws.Conn, topic string) error {
	if err := h.checkTopic(topic); err != nil || h.Check == nil {
		return err
	}
	return h.Check(c, topic)
}

// subscribe is Subscribe for what allow has allowed. greet is called with the position at which the subscription begins,
// before any message is sent to c.
func (h *Hub) subscribe(ctx context.Context, c *ws.Conn, topic string, since Position, greet func(Position) error) (Position, error) {
	s, err := h.enter(c, topic)
	if err != nil {
		return Position{}, err
	}
	at := since
	s.topic.expect(since)
	if err = s.topic.await(ctx); err == nil {
		at, err = s.topic.admit(ctx, s, since, greet)
	}
	if err != nil {
		s.topic.mu.Lock()
		if !s.topic.removeLocked(s) { // err is only a consequence
			err = s.endError()
		}
		s.topic.mu.Unlock()
		return Position{}, err
	}
	return at, nil
}

// Unsubscribe ends the subscription of c to the topic, if there is one, and reports whether there
// was. A message that is being delivered meanwhile may still reach c.
func (h *Hub) Unsubscribe(c *ws.Conn, topic string) bool {
	h.mu.Lock()
	s := h.members[c]
	for s != nil && s.topic.name != topic {
		s = s.next
	}
	h.mu.Unlock()
	if s == nil {
		return false
	}
	s.topic.mu.Lock()
	defer s.topic.mu.Unlock()
	return s.topic.removeLocked(s)
}

// do has f called soon, without any lock held, after the functions that were given before it.
func (h *Hub) do(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.doLocked(f)
}

func (h *Hub) doLocked(f func()) {
	h.chores = append(h.chores, f)
	if !h.working {
		h.working = true
		go h.work()
	}
}

// work does the chores.
func (h *Hub) work() {
	for {
		h.mu.Lock()
		chores := h.chores
		h.chores = nil
		h.working = len(chores) > 0
		h.mu.Unlock()
		if len(chores) == 0 {
			return
		}
		for _, f := range chores {
			f()
		}
	}
}

// lose tells that a subscription has ended before its connection.
func (h *Hub) lose(c *ws.Conn, topic string, err error) {
	h.do(func() {
		switch {
		case errors.Is(err, net.ErrClosed): // it has ended with its connection
		case h.Lost != nil:
			h.Lost(c, topic, err)
		default:
			go func() { _ = c.Close(ws.CloseTryAgainLater, "a subscription was lost") }()
		}
	})
}
