package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/hub"
)

// Config is what a Broker is made with. All nodes of a cluster need the same one.
type Config struct {
	// Name is that of the stream and the first part of its subjects: letters, digits, "-" and "_".
	// Default: "hub".
	Name string

	// Retention says what the stream keeps of each topic. Without Messages there is no history, and
	// JetStream is needed for presence alone. Default of Age: for ever.
	Retention hub.Retention

	// MaxBytes bounds the stream. The oldest messages of all topics go first. Default: no bound.
	MaxBytes int64

	// Replicas is on how many servers the stream is stored: 1, 3 or 5. Default: 1.
	Replicas int
}

// Broker is a [hub.Broker] on NATS.
type Broker struct {
	nc     *nats.Conn
	js     jetstream.JetStream
	cfg    Config
	stop   func()
	kv     jetstream.KeyValue // presence
	status chan nats.Status

	mu    sync.Mutex
	epoch string
	sinks map[*sink]struct{}
	link  context.Context // ends when the connection was lost and found again
	renew context.CancelFunc
}

var _ hub.Broker = (*Broker)(nil)

// New makes a Broker on a connection, and the stream if there is none; it changes the stream's
// settings if they differ. The connection stays the caller's. It should have
// nats.MaxReconnects(-1), so that it never gives up. ctx bounds the call.
func New(ctx context.Context, nc *nats.Conn, cfg Config) (*Broker, error) {
	if cfg.Name == "" {
		cfg.Name = "hub"
	}
	if escape(cfg.Name) != cfg.Name {
		return nil, fmt.Errorf("hub/nats: Config.Name %q: it may have letters, digits, - and _", cfg.Name)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	b := &Broker{nc: nc, js: js, cfg: cfg, sinks: make(map[*sink]struct{})}
	b.link, b.renew = context.WithCancel(context.Background())
	if cfg.Retention.Messages > 0 {
		if err := b.makeStream(ctx); err != nil {
			return nil, err
		}
	}
	b.status = nc.StatusChanged(nats.CONNECTED)
	go b.watch(b.status)
	return b, nil
}

// Close ends what the Broker itself runs. Close it when no Hub uses it any more, before the
// connection. Presence that was announced lasts for hub.PresenceTTL at most.
func (b *Broker) Close() { b.nc.RemoveStatusListener(b.status) }

// watch tells the sinks, and those who wait for an answer, when the connection was lost and found
// again.
func (b *Broker) watch(status <-chan nats.Status) {
	for range status {
		b.mu.Lock()
		b.renew()
		b.link, b.renew = context.WithCancel(context.Background())
		sinks := make([]*sink, 0, len(b.sinks))
		for s := range b.sinks {
			sinks = append(sinks, s)
		}
		b.mu.Unlock()
		for _, s := range sinks {
			s.interrupted()
		}
	}
}

func (b *Broker) makeStream(ctx context.Context) error {
	_, err := b.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:              b.cfg.Name,
		Description:       "topics of conn/hub",
		Subjects:          []string{b.cfg.Name + ".log.*"},
		RePublish:         &jetstream.RePublish{Source: b.cfg.Name + ".log.*", Destination: b.cfg.Name + ".live.{{wildcard(1)}}"},
		MaxMsgsPerSubject: int64(b.cfg.Retention.Messages),
		MaxAge:            max(b.cfg.Retention.Age, 0),
		MaxBytes:          b.cfg.MaxBytes,
		Discard:           jetstream.DiscardOld,
		Storage:           jetstream.FileStorage,
		Replicas:          max(b.cfg.Replicas, 1),
		AllowDirect:       true,
	})
	if err != nil {
		return fmt.Errorf("hub/nats: the stream %s: %w", b.cfg.Name, err)
	}
	_, err = b.info(ctx, "")
	return err
}

func (b *Broker) logSubject(topic string) string  { return b.cfg.Name + ".log." + escape(topic) }
func (b *Broker) liveSubject(topic string) string { return b.cfg.Name + ".live." + escape(topic) }

// escape makes one token of a subject of a topic's name: letters, digits, "-" and "_" stay, and any
// other byte becomes "=" and two digits.
func escape(topic string) string {
	const digits = "0123456789ABCDEF"
	token := make([]byte, 0, len(topic))
	for _, c := range []byte(topic) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
			token = append(token, c)
		default:
			token = append(token, '=', digits[c>>4], digits[c&15])
		}
	}
	return string(token)
}

// body is a message on the wire: a byte with its type, and the data.
func body(t ws.MessageType, p []byte) []byte { return append([]byte{byte(t)}, p...) }

// message is the reverse of body.
func message(data []byte) (m hub.Message, ok bool) {
	if len(data) == 0 {
		return m, false
	}
	return hub.Message{Type: ws.MessageType(data[0]), Data: data[1:]}, true
}

// attemptTimeout bounds one attempt to publish, of those that a context lasts for.
const attemptTimeout = 5 * time.Second

// attempt returns a context for one attempt to get an answer. It ends also when the connection was
// lost and found again, since the answer is lost then.
func (b *Broker) attempt(ctx context.Context, longest time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	b.mu.Lock()
	link := b.link
	b.mu.Unlock()
	stop := context.AfterFunc(link, cancel)
	return ctx, func() { stop(); cancel() }
}

// Publish implements [hub.Broker].
func (b *Broker) Publish(ctx context.Context, topic string, t ws.MessageType, p []byte) (hub.Position, error) {
	if b.cfg.Retention.Messages <= 0 {
		return hub.Position{}, b.nc.Publish(b.liveSubject(topic), body(t, p))
	}
	msg := &nats.Msg{Subject: b.logSubject(topic), Data: body(t, p)}
	id := jetstream.WithMsgID(nuid.Next()) // so that an attempt whose answer was lost can be repeated
	for {
		attempt, cancel := b.attempt(ctx, attemptTimeout)
		ack, err := b.js.PublishMsg(attempt, msg, id)
		cancel()
		switch {
		case err == nil:
			return hub.Position{Epoch: b.currentEpoch(), Offset: ack.Sequence}, nil
		case ctx.Err() != nil:
			return hub.Position{}, fmt.Errorf("hub/nats: %w: %w", ctx.Err(), err)
		case b.nc.IsClosed() || !passing(err):
			return hub.Position{}, fmt.Errorf("hub/nats: %w", err)
		}
		if err := pause(ctx); err != nil {
			return hub.Position{}, err
		}
	}
}

// passing reports whether an attempt may succeed later.
func passing(err error) bool {
	if refused, ok := errors.AsType[*jetstream.APIError](err); ok {
		return refused.Code >= 500
	}
	return !errors.Is(err, nats.ErrMaxPayload) && !errors.Is(err, nats.ErrBadSubject) && !errors.Is(err, errForeign)
}

func pause(ctx context.Context) error {
	select {
	case <-time.After(50 * time.Millisecond):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// sink is a subscription of a node to a topic.
type sink struct {
	b  *Broker
	to hub.Sink

	mu      sync.Mutex // one goroutine at a time calls to
	stopped bool
	last    uint64 // the largest offset that has come
}

// Subscribe implements [hub.Broker].
func (b *Broker) Subscribe(ctx context.Context, topic string, to hub.Sink) (func(), error) {
	s := &sink{b: b, to: to}
	b.mu.Lock()
	b.sinks[s] = struct{}{}
	b.mu.Unlock()
	sub, err := b.nc.Subscribe(b.liveSubject(topic), s.receive)
	stop := func() {
		b.mu.Lock()
		delete(b.sinks, s)
		b.mu.Unlock()
		if sub != nil {
			_ = sub.Unsubscribe()
		}
		s.mu.Lock()
		s.stopped = true
		s.mu.Unlock()
	}
	if err == nil {
		// The server has the subscription when it has answered. The other servers have it when they
		// get the request for the history, since that takes the same way after it.
		err = b.flush(ctx)
	}
	if err != nil {
		stop()
		return nil, fmt.Errorf("hub/nats: %w", err)
	}
	return stop, nil
}

// flush returns when the server has taken everything that was sent to it.
func (b *Broker) flush(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout) // the client wants a deadline
	defer cancel()
	for {
		err := b.nc.FlushWithContext(ctx)
		if !errors.Is(err, nats.ErrConnectionClosed) || b.nc.IsClosed() {
			return err
		}
		if err := pause(ctx); err != nil { // the answer is lost, and the client connects again
			return err
		}
	}
}

func (s *sink) interrupted() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopped {
		s.to.Interrupted()
	}
}

// receive takes a message that the stream has republished.
func (s *sink) receive(msg *nats.Msg) {
	m, ok := message(msg.Data)
	if !ok {
		return // of somebody else
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return
	}
	if s.b.cfg.Retention.Messages > 0 {
		offset, err := strconv.ParseUint(msg.Header.Get("Nats-Sequence"), 10, 64)
		previous, perr := strconv.ParseUint(msg.Header.Get("Nats-Last-Sequence"), 10, 64)
		if err != nil || perr != nil {
			return
		}
		if offset <= s.last {
			s.to.Interrupted() // perhaps the stream has begun anew
		}
		s.last = offset
		m.Position = hub.Position{Epoch: s.b.currentEpoch(), Offset: offset}
		m.Previous = previous
	}
	s.to.Deliver(m)
}

func (b *Broker) currentEpoch() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.epoch
}

// request asks the JetStream API, whose answer comes from the stream's leader.
func (b *Broker) request(ctx context.Context, subject string, question, answer any) error {
	p, err := json.Marshal(question)
	if err != nil {
		return err
	}
	msg, err := b.nc.RequestWithContext(ctx, apiPrefix(b.js.Options())+subject, p)
	if err != nil {
		return err
	}
	return json.Unmarshal(msg.Data, answer)
}

// apiPrefix is the first part of the JetStream API's subjects.
func apiPrefix(o jetstream.JetStreamOptions) string {
	switch {
	case o.APIPrefix != "":
		return strings.TrimSuffix(o.APIPrefix, ".") + "."
	case o.Domain != "":
		return "$JS." + o.Domain + ".API."
	}
	return "$JS.API."
}
