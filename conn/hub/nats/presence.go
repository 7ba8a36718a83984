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
		return nil, fmt.Errorf("hub/nats: the bucket for presence: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kv = kv
	return kv, nil
}

// Announce implements [hub.Broker].
func (b *Broker) Announce(ctx context.Context, topic, node string, members []hub.Member) error {
	kv, err := b.presence(ctx)
	if err != nil {
		return err
	}
	key := escape(topic) + "." + escape(node)
	if len(members) == 0 {
		err = kv.Purge(ctx, key)
	} else {
		p, jerr := json.Marshal(members)
		if jerr != nil {
			return jerr
		}
		_, err = kv.Put(ctx, key, p)
	}
	if err != nil {
		return fmt.Errorf("hub/nats: %w", err)
	}
	return nil
}

// Members implements [hub.Broker].
func (b *Broker) Members(ctx context.Context, topic string) (all []hub.Member, err error) {
	kv, err := b.presence(ctx)
	if err != nil {
		return nil, err
	}
	watch, err := kv.Watch(ctx, escape(topic)+".*", jetstream.IgnoreDeletes())
	if err != nil {
		return nil, fmt.Errorf("hub/nats: %w", err)
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
				return nil, errors.New("hub/nats: the bucket for presence has a value of somebody else")
			}
			all = append(all, members...)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
