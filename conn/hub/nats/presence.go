package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rfc6455/ws/conn/hub"
)

// presence returns the bucket in which the nodes tell who is subscribed. A key is a topic and a
// node.
func (b *Broker) presence(ctx context.Context) (jetstream.KeyValue, error) {
	b.mu.Lock()
	kv := b.kv
	b.mu.Unlock()
	if kv != nil {
		return kv, nil
	}
	kv, err := b.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: b.cfg.Name + "_presence", Description: "who is subscribed to the topics of conn/hub",
		TTL: hub.PresenceTTL, Storage: jetstream.MemoryStorage, Replicas: max(b.cfg.Replicas, 1),
	})
	if err != nil {
		return nil, fmt.Errorf("the bucket for presence: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kv = kv
	return kv, nil
}

// inBucket does something with the bucket, and tries again while the server can't answer or the
// bucket is gone, but not for ever.
func (b *Broker) inBucket(ctx context.Context, do func(context.Context, jetstream.KeyValue) error) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	for {
		err := b.tryBucket(ctx, do)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("hub/nats: %w: %w", ctx.Err(), err)
		case b.nc.IsClosed() || !passing(err) && !errors.Is(err, jetstream.ErrStreamNotFound):
			return fmt.Errorf("hub/nats: %w", err)
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("hub/nats: %w", err)
		}
	}
}

// tryBucket is one attempt of inBucket. If it fails, the next one makes the bucket if there is none:
// it is in the server's memory, and a server that starts again has lost it.
func (b *Broker) tryBucket(ctx context.Context, do func(context.Context, jetstream.KeyValue) error) error {
	ctx, cancel := b.attempt(ctx, attemptTimeout)
	defer cancel()
	kv, err := b.presence(ctx)
	if err != nil {
		return err
	}
	if err = do(ctx, kv); err != nil {
		b.mu.Lock()
		b.kv = nil
		b.mu.Unlock()
	}
	return err
}

// Announce implements [hub.Broker].
func (b *Broker) Announce(ctx context.Context, topic, node string, members []hub.Member) error {
	p, err := json.Marshal(members)
	if err != nil {
		return err
	}
	return b.inBucket(ctx, func(ctx context.Context, kv jetstream.KeyValue) error {
		key := escape(topic) + "." + escape(node)
		if len(members) == 0 {
			return kv.Purge(ctx, key)
		}
		_, err := kv.Put(ctx, key, p)
		return err
	})
}

var errForeign = errors.New("the bucket for presence has a value of somebody else")

// Members implements [hub.Broker].
func (b *Broker) Members(ctx context.Context, topic string) (all []hub.Member, err error) {
	err = b.inBucket(ctx, func(ctx context.Context, kv jetstream.KeyValue) error {
		all, err = members(ctx, kv, topic)
		return err
	})
	return all, err
}

// members reads what the nodes have announced.
func members(ctx context.Context, kv jetstream.KeyValue, topic string) (all []hub.Member, err error) {
	watch, err := kv.Watch(ctx, escape(topic)+".*", jetstream.IgnoreDeletes())
	if err != nil {
		return nil, err
	}
	defer func() { _ = watch.Stop() }()
	for {
		select {
		case entry, ok := <-watch.Updates():
			if !ok || entry == nil { // that was all
				return all, nil
			}
			var members []hub.Member
			if err := json.Unmarshal(entry.Value(), &members); err != nil {
				return nil, errForeign
			}
			all = append(all, members...)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
