package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/hub"
)

const (
	kept     = 1000   // messages of each room
	compacts = 20_000 // lines of the file, at least, before those of older messages are removed
)

// store is a hub.Broker for one process that keeps the messages in a file. hub.Memory would do for
// a chat whose messages may end with the process. A message is on the disk before anybody sees it,
// so that a position is good for ever: pages go on where they were after any restart, and after a
// crash.
//
// The file is lines of JSON. The first has the epoch, and the others have a message each.
type store struct {
	members hub.Memory        // only for who is there
	changed func(room string) // is called when the members of a room have changed

	mu    sync.Mutex
	path  string
	file  *os.File
	lock  *os.File
	lines int
	most  int // lines after which the file is written anew
	epoch string
	logs  map[string]*messages
	err   error // after which nothing is written any more
}

// messages are those of one room. Their offsets have no gaps.
type messages struct {
	last  uint64 // the offset of the last one
	kept  []hub.Message
	sinks []*sink
	names []hub.Member // that were told last
}

type sink struct{ hub.Sink }

// trimmed is the offset of the last message that is not kept.
func (m *messages) trimmed() uint64 { return m.last - uint64(len(m.kept)) }

// add keeps a message.
func (m *messages) add(msg hub.Message) {
	m.last = msg.Position.Offset
	m.kept = append(m.kept, msg)
	if len(m.kept) > kept {
		m.kept[0] = hub.Message{} // for the garbage collector
		m.kept = m.kept[1:]
	}
}

// line is a line of the file.
type line struct {
	Epoch  string `json:"epoch,omitempty"`
	Room   string `json:"room,omitempty"`
	Offset uint64 `json:"offset,omitempty"`
	Text   string `json:"text,omitempty"`
}

// openStore reads the messages. If another process has them open, it waits for the end of that one.
func openStore(dir string) (*store, error) {
	s := &store{
		path:    filepath.Join(dir, "messages.jsonl"),
		logs:    make(map[string]*messages),
		changed: func(string) {},
	}
	var err error
	if s.lock, err = lockFile(filepath.Join(dir, "lock")); err != nil {
		return nil, err
	}
	if err = s.read(); err == nil {
		err = s.compactLocked()
	}
	if err != nil {
		return nil, errors.Join(err, s.lock.Close())
	}
	return s, nil
}

func (s *store) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = errors.New("the store is closed")
	return errors.Join(s.file.Close(), s.lock.Close())
}

// read reads the file. A last line that is not whole was never told to anybody. After a power cut
// it may have its end, and zeros in place of a part.
func (s *store) read() error {
	text, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		s.epoch = rand.Text()
		return nil
	}
	if err != nil {
		return err
	}
	for n := 1; ; n++ {
		p, rest, whole := bytes.Cut(text, []byte("\n"))
		if !whole {
			break
		}
		text = rest
		if len(rest) == 0 && bytes.IndexByte(p, 0) >= 0 {
			break
		}
		var l line
		if err := json.Unmarshal(p, &l); err != nil {
			return fmt.Errorf("%s, line %d: %w", s.path, n, err)
		}
		if l.Epoch != "" {
			s.epoch = l.Epoch
			continue
		}
		log := s.logLocked(l.Room)
		if log.last != 0 && l.Offset != log.last+1 {
			return fmt.Errorf("%s, line %d: offset %d, want %d", s.path, n, l.Offset, log.last+1)
		}
		log.add(s.message(l.Offset, []byte(l.Text)))
	}
	if s.epoch == "" {
		return fmt.Errorf("%s has no epoch in its first line", s.path)
	}
	return nil
}

// compactLocked writes the file anew, with the messages that are kept. A rename is all or nothing.
func (s *store) compactLocked() error {
	f, err := os.OpenFile(s.path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	s.lines = 0
	err = s.writeLine(w, line{Epoch: s.epoch})
	for room, log := range s.logs {
		for _, m := range log.kept {
			l := line{Room: room, Offset: m.Position.Offset, Text: string(m.Data)}
			err = errors.Join(err, s.writeLine(w, l))
		}
	}
	if err = errors.Join(err, w.Flush(), f.Sync()); err == nil {
		err = errors.Join(os.Rename(s.path+".new", s.path), syncDir(filepath.Dir(s.path)))
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	if s.file != nil {
		_ = s.file.Close()
	}
	s.file = f
	s.most = max(compacts, 2*s.lines) // with many rooms that is more than compacts
	return nil
}

func (s *store) writeLine(w io.Writer, l line) error {
	p, err := json.Marshal(l)
	if err != nil {
		return err
	}
	s.lines++
	_, err = w.Write(append(p, '\n'))
	return err
}

// logLocked returns the room's messages.
func (s *store) logLocked(room string) *messages {
	log := s.logs[room]
	if log == nil {
		log = new(messages)
		s.logs[room] = log
	}
	return log
}

func (s *store) message(offset uint64, text []byte) hub.Message {
	return hub.Message{
		Type: ws.Text, Data: text,
		Position: hub.Position{Epoch: s.epoch, Offset: offset}, Previous: offset - 1,
	}
}

// Publish implements hub.Broker. After an error of the disk nobody knows what the file has, so that
// nothing is published any more until the next start.
func (s *store) Publish(_ context.Context, room string, t ws.MessageType, p []byte) (hub.Position, error) {
	if t != ws.Text {
		return hub.Position{}, ws.ErrMessageType
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return hub.Position{}, s.err
	}
	log := s.logLocked(room)
	msg := s.message(log.last+1, slices.Clone(p))
	l := line{Room: room, Offset: log.last + 1, Text: string(p)}
	if s.err = s.writeLine(s.file, l); s.err == nil {
		s.err = s.file.Sync()
	}
	if s.err != nil {
		return hub.Position{}, s.err
	}
	log.add(msg)
	for _, to := range log.sinks {
		to.Deliver(msg)
	}
	if s.lines > s.most {
		s.err = s.compactLocked()
	}
	return msg.Position, nil
}

// Subscribe implements hub.Broker.
func (s *store) Subscribe(_ context.Context, room string, to hub.Sink) (stop func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	log, own := s.logLocked(room), &sink{to}
	log.sinks = append(log.sinks, own)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		log.sinks = slices.DeleteFunc(log.sinks, func(other *sink) bool { return other == own })
	}, nil
}

// History implements hub.Broker.
func (s *store) History(_ context.Context, room string, since hub.Position, limit int) (hub.History, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	log := s.logLocked(room)
	first := 0 // of the messages that are kept
	switch {
	case since.IsZero():
		first = max(0, len(log.kept)-limit)
	case since.Epoch == s.epoch && since.Offset >= log.trimmed():
		first = int(min(since.Offset, log.last) - log.trimmed())
	}
	end := min(len(log.kept), first+limit)
	return hub.History{
		After:    hub.Position{Epoch: s.epoch, Offset: log.trimmed() + uint64(first)},
		Messages: slices.Clone(log.kept[first:end]),
		More:     end < len(log.kept),
	}, nil
}

// Announce implements hub.Broker: it is how the hub tells who is in a room.
func (s *store) Announce(ctx context.Context, room, node string, members []hub.Member) error {
	if err := s.members.Announce(ctx, room, node, members); err != nil {
		return err
	}
	s.mu.Lock()
	log := s.logLocked(room)
	same := slices.Equal(log.names, members)
	log.names = slices.Clone(members)
	s.mu.Unlock()
	if !same {
		s.changed(room)
	}
	return nil
}

// Members implements hub.Broker.
func (s *store) Members(ctx context.Context, room string) ([]hub.Member, error) {
	return s.members.Members(ctx, room)
}
