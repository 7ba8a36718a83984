package redis

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/rfc6455/ws/conn/hub"
)

// Announce implements [hub.Broker].
func (b *Broker) Announce(ctx context.Context, topic, node string, members []hub.Member) error {
	what := ""
	if len(members) > 0 {
		p, err := json.Marshal(members)
		if err != nil {
			return err
		}
		what = string(p)
	}
	keys := []string{b.key("members", topic)}
	if err := announceScript.Run(ctx, b.client, keys, node, what, hub.PresenceTTL.Milliseconds()).Err(); err != nil {
		return fmt.Errorf("hub/redis: %w", err)
	}
	return nil
}

// Members implements [hub.Broker].
func (b *Broker) Members(ctx context.Context, topic string) (all []hub.Member, err error) {
	present, err := membersScript.Run(ctx, b.client, []string{b.key("members", topic)}).StringSlice()
	if err != nil {
		return nil, fmt.Errorf("hub/redis: %w", err)
	}
	for _, text := range present {
		var members []hub.Member
		if err := json.Unmarshal([]byte(text), &members); err != nil {
			return nil, errAnswer
		}
		all = append(all, members...)
	}
	return all, nil
}
