package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/hub"
)

// Config is what a Broker is made with. All nodes of a cluster need the same one.
type Config struct {
	// Name is the first part of all keys: letters, digits, "-" and "_". Default: "hub".
	Name string

	// Retention says what is kept of each topic. Without Messages there is no history. Default of
	// Age: 5 minutes after the topic's last message. Negative: for ever.
	Retention hub.Retention

	// Shards is how many hash tags the topics are spread over. Default: 16. A cluster needs several
	// times as many as it has servers.
	Shards int
}

const (
	defaultShards = 16
	defaultAge    = 5 * time.Minute
	epochAge      = 24 * time.Hour // that a topic's epoch lives longer than its messages
	readTimeout   = 15 * time.Second
)

// Broker is a [hub.Broker] on Redis.
type Broker struct {
	client redis.UniversalClient
	cfg    Config
	ctx    context.Context
	cancel context.CancelFunc

	mu     sync.Mutex
	shards map[int]*shard
}

var _ hub.Broker = (*Broker)(nil)

// New makes a Broker on a client of one server or of a cluster. The client stays the caller's. It
// connects when it is needed.
func New(client redis.UniversalClient, cfg Config) (*Broker, error) {
	if cfg.Name == "" {
		cfg.Name = "hub"
	}
	for _, c := range []byte(cfg.Name) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return nil, fmt.Errorf("hub/redis: Config.Name %q: it may have letters, digits, - and _", cfg.Name)
		}
	}
	if cfg.Shards <= 0 {
		cfg.Shards = defaultShards
	}
	if cfg.Retention.Age == 0 {
		cfg.Retention.Age = defaultAge
	}
	b := &Broker{client: client, cfg: cfg, shards: make(map[int]*shard)}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b, nil
}

// Close ends what the Broker itself runs. Close it when no Hub uses it any more, before the client.
func (b *Broker) Close() { b.cancel() }

func (b *Broker) shardOf(topic string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(topic))
	return int(h.Sum32() % uint32(b.cfg.Shards))
}

// key returns the key of something of the topic. The hash tag comes first and is the Broker's, so
// that a topic's name, which may be a stranger's, does not change it.
func (b *Broker) key(kind, topic string) string {
	return b.tag(b.shardOf(topic)) + ":" + kind + ":" + topic
}

// tag is the hash tag of a shard.
func (b *Broker) tag(shard int) string { return "{" + b.cfg.Name + "." + strconv.Itoa(shard) + "}" }

// age returns the milliseconds that a topic's messages, and its epoch, live. 0 is for ever.
func (b *Broker) age() (messages, epoch int64) {
	if b.cfg.Retention.Age < 0 {
		return 0, 0
	}
	return b.cfg.Retention.Age.Milliseconds(), (b.cfg.Retention.Age + epochAge).Milliseconds()
}

// Publish implements [hub.Broker].
func (b *Broker) Publish(ctx context.Context, topic string, t ws.MessageType, p []byte) (at hub.Position, err error) {
	payload := append([]byte{byte(t)}, p...)
	if b.cfg.Retention.Messages <= 0 {
		payload = append([]byte(" 0  "), payload...) // neither epoch nor identifier
		return at, b.retry(ctx, refused, func() error {
			return b.client.Process(ctx, once{redis.NewCmd(ctx, "spublish", b.key("live", topic), payload)})
		})
	}
	age, epochAge := b.age()
	id := rand.Text()
	again := 0
	err = b.retry(ctx, passing, func() error {
		v, err := b.run(ctx, publishScript, b.keys(topic, id), b.cfg.Retention.Messages, age, epochAge, rand.Text(), payload, id, again, b.key("live", topic))
		again = 1
		if err == nil {
			at, err = publishedAt(v)
		}
		return err
	})
	return at, err
}

// retry tries something until it succeeds, ctx ends, or it fails with an error for which again does
// not hold.
func (b *Broker) retry(ctx context.Context, again func(error) bool, try func() error) error {
	for {
		err := try()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("hub/redis: %w: %w", ctx.Err(), err)
		case b.ctx.Err() != nil || !again(err):
			return fmt.Errorf("hub/redis: %w", err)
		}
		b.reload()
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("hub/redis: %w: %w", ctx.Err(), err)
		}
	}
}

// passing reports whether an attempt may succeed later: not if the server has answered, unless it
// is starting or the cluster is changing.
func passing(err error) bool {
	answer, ok := errors.AsType[redis.Error](err)
	if !ok {
		return !errors.Is(err, redis.ErrClosed) && !errors.Is(err, errAnswer)
	}
	for _, prefix := range []string{"LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "MOVED", "ASK", "BUSY", "NOREPLICAS"} {
		if strings.HasPrefix(answer.Error(), prefix) {
			return true
		}
	}
	return false
}

// refused reports whether an attempt may succeed later, and has not had an effect for certain.
func refused(err error) bool {
	_, answer := errors.AsType[redis.Error](err)
	op, ok := errors.AsType[*net.OpError](err)
	return passing(err) && (answer || ok && op.Op == "dial")
}

// once is a command that the client does not repeat by itself: a script that was cut off may have
// run.
type once struct{ *redis.Cmd }

func (once) NoRetry() bool { return true }

// keys are those of a topic's hash and its stream, and the one of an attempt to publish.
func (b *Broker) keys(topic, id string) []any {
	return []any{b.key("meta", topic), b.key("log", topic), b.tag(b.shardOf(topic)) + ":once:" + id}
}

// run runs a script.
func (b *Broker) run(ctx context.Context, s *redis.Script, keys []any, args ...any) ([]any, error) {
	call := func(name, script string) ([]any, error) {
		all := append([]any{name, script, len(keys)}, keys...)
		cmd := redis.NewCmd(ctx, append(all, args...)...)
		if err := b.client.Process(ctx, once{cmd}); err != nil {
			return nil, err
		}
		return cmd.Slice()
	}
	v, err := call("evalsha", s.Hash())
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		return call("eval", sources[s])
	}
	return v, err
}

var errAnswer = errors.New("hub/redis: the server's answer is not that of this package's script")

func publishedAt(v []any) (hub.Position, error) {
	if len(v) == 2 {
		epoch, ok := v[0].(string)
		offset, ok2 := v[1].(int64)
		if ok && ok2 {
			return hub.Position{Epoch: epoch, Offset: uint64(offset)}, nil
		}
	}
	return hub.Position{}, errAnswer
}

// History implements [hub.Broker].
func (b *Broker) History(ctx context.Context, topic string, since hub.Position, limit int) (h hub.History, err error) {
	if b.cfg.Retention.Messages <= 0 || limit <= 0 || ctx.Err() != nil {
		return h, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	err = b.retry(ctx, passing, func() (err error) {
		h, err = b.history(ctx, topic, since, limit)
		return err
	})
	return h, err
}

// history is one attempt of History.
func (b *Broker) history(ctx context.Context, topic string, since hub.Position, limit int) (h hub.History, err error) {
	ch := b.channel(topic)
	seen, doubts := ch.witness()
	_, epochAge := b.age()
	v, err := b.run(ctx, historyScript, b.keys(topic, "")[:2], since.Epoch, since.Offset, limit, rand.Text(), epochAge,
		seen.at.Epoch, seen.at.Offset, seen.id)
	if err != nil {
		return h, err
	}
	h, last, err := historyOf(v)
	if err == nil {
		ch.read(place{h.Head(), last}, doubts)
	}
	return h, err
}

// historyOf reads the answer of the script. It returns also the identifier of the last message.
func historyOf(v []any) (h hub.History, last string, err error) {
	if len(v) != 5 {
		return h, "", errAnswer
	}
	epoch, ok := v[0].(string)
	after, ok2 := v[1].(int64)
	end, ok3 := v[2].(int64)
	payloads, ok4 := v[3].([]any)
	last, ok5 := v[4].(string)
	if !ok || !ok2 || !ok3 || !ok4 || !ok5 {
		return h, "", errAnswer
	}
	h.After = hub.Position{Epoch: epoch, Offset: uint64(after)}
	h.More = after+int64(len(payloads)) < end
	for i, p := range payloads {
		payload, ok := p.(string)
		if !ok || payload == "" {
			return hub.History{}, "", errAnswer
		}
		h.Messages = append(h.Messages, hub.Message{
			Type: ws.MessageType(payload[0]), Data: []byte(payload[1:]),
			Position: hub.Position{Epoch: epoch, Offset: uint64(after) + uint64(i) + 1}, Previous: uint64(after) + uint64(i),
		})
	}
	return h, last, nil
}
