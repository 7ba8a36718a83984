package hub

import (
	"context"

	ws "github.com/rfc6455/ws/conn"
)

// Message is a message of a topic, as a [Broker] delivers it.
type Message struct {
	Type ws.MessageType // Text or Binary, and perhaps Uncompressed
	Data []byte         // nobody changes it any more

	// Position is the message's place. It is zero if the broker keeps no history.
	Position Position

	// Previous is the largest offset that a message of the topic had before this one, in the same
	// epoch. It may be larger if no message of the topic was there in between: a subscriber at an
	// offset from Previous up to Position has missed nothing. This is how a gap shows.
	Previous uint64
}

// History is a stretch of a topic without a gap.
type History struct {
	After    Position  // the messages are all those after this one
	Messages []Message // oldest first; Previous need not be set
	More     bool      // there are more after them
}

// Head is the position of the last message.
func (h History) Head() Position {
	if n := len(h.Messages); n > 0 {
		return h.Messages[n-1].Position
	}
	return h.After
}

// Sink is what a [Broker] tells of a topic. One goroutine at a time calls it. Its methods do not
// wait for anybody and do not call the broker, but they may take as long as queueing a message for
// every subscriber takes.
type Sink interface {
	// Deliver passes a message on. Messages come in the order of the topic. If one comes twice, or
	// some are missing, the Hub notices by their positions.
	Deliver(m Message)

	// Interrupted says that messages may have been missed: after a connection to the broker was
	// lost and found again, for example. The Hub then reads the history. It is called when reading
	// can succeed again, or before.
	Interrupted()
}

// Broker carries topics between nodes, which are the processes that have a [Hub]. [Memory] is one
// for a single process. Packages nats and redis below this one have others. Its methods may be
// called concurrently. Names of topics come from strangers: a Broker escapes them.
type Broker interface {
	// Publish adds a message to the topic and returns its position, which is zero if the broker
	// keeps no history. An error may leave open whether the message was published. The broker keeps
	// nothing of p.
	Publish(ctx context.Context, topic string, t ws.MessageType, p []byte) (Position, error)

	// Subscribe makes s receive every message that is published after Subscribe has returned, or be
	// Interrupted. stop ends that; s may be called until stop has returned. Subscribe may be called
	// for a topic again before an earlier subscription is stopped. ctx bounds the call alone.
	Subscribe(ctx context.Context, topic string, s Sink) (stop func(), err error)

	// History returns the messages after since, at most limit of them, the oldest ones first. If
	// since is zero, it returns the latest ones, at most limit. If messages after since are gone, or
	// since is of another epoch, After is a later position, or one of another epoch. If the topic's
	// last message is before since, the broker has lost messages, as after a crash: it begins
	// another epoch. A since is never a stranger's. Everything
	// that was published before the call is taken into account. A broker without history returns
	// the zero History.
	History(ctx context.Context, topic string, since Position, limit int) (History, error)

	// Announce tells the other nodes who is subscribed to the topic on this one. It replaces what
	// the node has announced before. The broker forgets it after PresenceTTL, unless it is
	// announced again.
	Announce(ctx context.Context, topic, node string, members []Member) error

	// Members returns what the nodes have announced for the topic.
	Members(ctx context.Context, topic string) ([]Member, error)
}
