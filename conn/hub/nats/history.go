package nats

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/rfc6455/ws/conn/hub"
)

// History implements [hub.Broker].
func (b *Broker) History(ctx context.Context, topic string, since hub.Position, limit int) (hub.History, error) {
	if b.cfg.Retention.Messages <= 0 || limit <= 0 {
		return hub.History{}, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout) // the client wants a deadline
	defer cancel()
	r := reading{b: b, subject: b.logSubject(topic), since: since, limit: limit}
	for {
		attempt, cancel := b.attempt(ctx, readTimeout)
		h, err := r.read(attempt)
		again := attempt.Err() != nil && ctx.Err() == nil // there is another connection
		cancel()
		switch {
		case err == nil:
			return h, nil
		case !again:
			return hub.History{}, fmt.Errorf("hub/nats: %w", err)
		}
	}
}

const (
	readTimeout = 15 * time.Second
	maxBatch    = 1000 // messages that a server sends for one question
)

// reading is one reading of a topic's history.
type reading struct {
	b       *Broker
	subject string
	since   hub.Position
	limit   int
}

// read asks the stream's leader for the end of the topic, then reads up to it, and then finds out
// whether anything between the position and the first message is gone. In this order the answer is
// right whatever is published or dropped meanwhile.
func (r *reading) read(ctx context.Context) (hub.History, error) {
	last, err := r.find(ctx, findMessage{LastBySubject: r.subject})
	if err != nil {
		return hub.History{}, err
	}
	if last == 0 {
		return r.nothing(ctx)
	}
	from := uint64(1)
	switch {
	case r.since.IsZero() && r.limit == 1:
		from = last
	case !r.since.IsZero() && r.since.Epoch == r.b.currentEpoch():
		from = r.since.Offset + 1
	}
	h, err := r.messages(ctx, from, last)
	if err != nil {
		return h, err
	}
	return r.judge(ctx, h, last)
}

// messages reads the topic's messages from from to last.
func (r *reading) messages(ctx context.Context, from, last uint64) (h hub.History, err error) {
	for from <= last && (r.since.IsZero() || len(h.Messages) < r.limit) {
		n := len(h.Messages)
		batch, err := jetstreamext.GetBatch(ctx, r.b.js, r.b.cfg.Name, maxBatch,
			jetstreamext.GetBatchSubject(r.subject), jetstreamext.GetBatchSeq(from))
		if err != nil {
			return h, err
		}
		for raw, err := range batch {
			if errors.Is(err, jetstreamext.ErrNoMessages) {
				break
			}
			if err != nil {
				return h, err
			}
			if m, ok := message(raw.Data); ok {
				m.Position.Offset = raw.Sequence
				h.Messages = append(h.Messages, m)
			}
			from = raw.Sequence + 1
		}
		if len(h.Messages) == n {
			if err := r.behind(ctx, from); err != nil {
				return h, err
			}
			break // what was there has been dropped meanwhile
		}
	}
	h.More = from <= last
	if drop := len(h.Messages) - r.limit; drop > 0 && r.since.IsZero() {
		h.Messages = h.Messages[drop:]
	} else if drop > 0 {
		h.Messages, h.More = h.Messages[:r.limit], true
	}
	return h, nil
}

var errBehind = errors.New("a replica of the stream is behind its leader")

// behind reports errBehind if the leader has a message from from on, which the server that has
// answered a batch does not have yet.
func (r *reading) behind(ctx context.Context, from uint64) error {
	next, err := r.find(ctx, findMessage{Sequence: from, NextBySubject: r.subject})
	if err == nil && next != 0 {
		return errBehind
	}
	return err
}

// judge sets the positions of what was read.
func (r *reading) judge(ctx context.Context, h hub.History, last uint64) (hub.History, error) {
	info, err := r.b.info(ctx, r.subject)
	if err != nil {
		return h, err
	}
	epoch := r.b.currentEpoch()
	for i := range h.Messages {
		h.Messages[i].Position.Epoch = epoch
	}
	first := last + 1
	if len(h.Messages) > 0 {
		first = h.Messages[0].Position.Offset
	}
	h.After = hub.Position{Epoch: epoch, Offset: first - 1}
	if r.since.IsZero() || r.since.Epoch != epoch {
		return h, nil
	}
	if r.since.Offset > info.State.LastSeq {
		return r.renew(ctx, info)
	}
	whole, err := r.whole(ctx, info)
	if whole {
		h.After = r.since
	}
	return h, err
}

// whole reports whether the stream has all messages of the topic that came after since.
func (r *reading) whole(ctx context.Context, info *jetstream.StreamInfo) (bool, error) {
	if r.complete(info) {
		return true, nil
	}
	oldest, err := r.find(ctx, findMessage{Sequence: 1, NextBySubject: r.subject})
	return oldest != 0 && r.since.Offset >= oldest-1, err
}

// complete reports whether the stream has dropped nothing since the position, neither because it
// was too much of the topic nor because it was too much of all.
func (r *reading) complete(info *jetstream.StreamInfo) bool {
	kept := info.State.Subjects[r.subject]
	return info.State.FirstSeq <= r.since.Offset+1 && kept < uint64(r.b.cfg.Retention.Messages)
}

// nothing is the history of a topic of which the stream has no message.
func (r *reading) nothing(ctx context.Context) (hub.History, error) {
	info, err := r.b.info(ctx, r.subject)
	if err != nil {
		return hub.History{}, err
	}
	if info.State.Subjects[r.subject] > 0 {
		return hub.History{}, errBehind // one has come meanwhile
	}
	end := hub.Position{Epoch: r.b.currentEpoch(), Offset: info.State.LastSeq}
	switch {
	case r.since.Epoch != end.Epoch:
	case r.since.Offset > end.Offset:
		return r.renew(ctx, info)
	case r.complete(info):
		return hub.History{After: r.since}, nil
	}
	return hub.History{After: end}, nil
}

// renew begins another epoch: the stream has lost messages that it had delivered.
func (r *reading) renew(ctx context.Context, info *jetstream.StreamInfo) (hub.History, error) {
	cfg := info.Config
	if cfg.Metadata == nil {
		cfg.Metadata = make(map[string]string)
	}
	cfg.Metadata[epochKey] = rand.Text()
	if _, err := r.b.js.UpdateStream(ctx, cfg); err != nil {
		return hub.History{}, err
	}
	info, err := r.b.info(ctx, r.subject)
	if err != nil {
		return hub.History{}, err
	}
	return hub.History{After: hub.Position{Epoch: r.b.currentEpoch(), Offset: info.State.LastSeq}}, nil
}

const epochKey = "hub-epoch"

// info asks for the stream's state, with the number of the subject's messages, and learns the
// epoch: the time when the stream was made, unless it has lost messages since.
func (b *Broker) info(ctx context.Context, subject string) (*jetstream.StreamInfo, error) {
	var answer struct {
		jetstream.StreamInfo
		Error *jetstream.APIError `json:"error"`
	}
	question := map[string]string{}
	if subject != "" {
		question["subjects_filter"] = subject
	}
	if err := b.request(ctx, "STREAM.INFO."+b.cfg.Name, question, &answer); err != nil {
		return nil, err
	}
	if answer.Error != nil {
		return nil, answer.Error
	}
	epoch := answer.Config.Metadata[epochKey]
	if epoch == "" {
		epoch = strconv.FormatInt(answer.Created.UnixNano(), 36)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.epoch = epoch
	return &answer.StreamInfo, nil
}

// findMessage asks the stream's leader for one message.
type findMessage struct {
	Sequence      uint64 `json:"seq,omitempty"`
	NextBySubject string `json:"next_by_subj,omitempty"`
	LastBySubject string `json:"last_by_subj,omitempty"`
}

// find returns the sequence number of a message, or 0 if there is none.
func (r *reading) find(ctx context.Context, question findMessage) (uint64, error) {
	var answer struct {
		Message struct {
			Sequence uint64 `json:"seq"`
		} `json:"message"`
		Error *jetstream.APIError `json:"error"`
	}
	err := r.b.request(ctx, "STREAM.MSG.GET."+r.b.cfg.Name, question, &answer)
	switch {
	case err != nil:
		return 0, err
	case answer.Error == nil:
		return answer.Message.Sequence, nil
	case answer.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return 0, nil
	}
	return 0, answer.Error
}
