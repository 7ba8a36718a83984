package hub

import (
	"context"
	"testing"

	ws "github.com/rfc6455/ws/conn"
)

// restarted is a Broker that can lose everything, and tells nobody.
type restarted struct{ now *Memory }

func (b *restarted) Publish(
	ctx context.Context, topic string, t ws.MessageType, p []byte,
) (Position, error) {
	return b.now.Publish(ctx, topic, t, p)
}

func (b *restarted) Subscribe(ctx context.Context, topic string, s Sink) (func(), error) {
	return b.now.Subscribe(ctx, topic, s)
}

func (b *restarted) History(
	ctx context.Context, topic string, since Position, limit int,
) (History, error) {
	return b.now.History(ctx, topic, since, limit)
}

func (b *restarted) Announce(context.Context, string, string, []Member) error { return nil }

func (b *restarted) Members(context.Context, string) ([]Member, error) { return nil, nil }

// TestConflateAfterLoss: a subscriber comes from another node, which knows already that the broker
// has lost everything. It gets the latest message of now, and none of before.
func TestConflateAfterLoss(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &restarted{history(10)}
		h := &Hub{Broker: b, Conflate: func(string) bool { return true }}
		first := connect(t)
		subscribe(t, h, first, "price", Position{})
		publish(t, h, "price", "before")
		first.want(t, "before the loss", "before")
		b.now = history(10)
		at := publish(t, h, "price", "1")
		publish(t, h, "price", "2")
		moved := connect(t)
		subscribe(t, h, moved, "price", at)
		moved.want(t, "after the loss", "2")
	})
}
