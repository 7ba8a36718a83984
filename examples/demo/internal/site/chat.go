package site

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/handshake"
)

// The room uses JSON in text messages. From a member:
//
//	{"type":"say","text":"Hello"}    to everybody
//	{"type":"wave"}                  the same without words
//	{"type":"name","name":"Ada"}     a new name for oneself
//
// To a member: welcome (who you are), said and waved (who did it), left (who went, with which close
// code and reason), roster (who is there, and how much each has sent and received), problem (what
// was wrong with a message of yours). Counters count what members send, and its deliveries, but not
// rosters and the like: the meter does not measure itself.
const (
	rosterEvery = 100 * time.Millisecond // at most ten rosters a second
	maxMembers  = 100                    // a roster of n members goes to n members
	maxName     = 24                     // in code points
)

// link is what the room needs of a connection.
type link interface {
	SendPrepared(*conn.Prepared) error
	Close(conn.CloseCode, string) error
}

// tally counts messages and their payload bytes.
type tally struct {
	Messages int64 `json:"messages"`
	Bytes    int64 `json:"bytes"`
}

func (t *tally) add(n int) { t.Messages++; t.Bytes += int64(n) }

// member is one connection in the room. The room's mutex guards it.
type member struct {
	link     link
	ID       int    `json:"id"`
	Name     string `json:"name"`
	Hue      int    `json:"hue"`      // of its colour, in degrees
	Sent     tally  `json:"sent"`     // by this member
	Received tally  `json:"received"` // by this member
}

// note is a message from a member.
type note struct {
	Type string `json:"type"`
	Text string `json:"text"`
	Name string `json:"name"`
}

// news is a message to members. Type decides which of its fields are set.
type news struct {
	Type    string         `json:"type"`
	ID      int            `json:"id,omitempty"`
	Name    string         `json:"name,omitempty"`
	Hue     int            `json:"hue,omitempty"`
	Text    string         `json:"text,omitempty"` // what was said; for left, the close reason
	Code    conn.CloseCode `json:"code,omitempty"` // for left
	Members []*member      `json:"members,omitempty"`
}

// room is the chat: who is there, and what goes to whom. Nothing in it waits for a connection, so
// one slow member never holds up the others. Its methods may be called concurrently.
type room struct {
	mu         sync.Mutex
	members    []*member // in the order of joining
	lastID     int
	lastRoster time.Time
	timer      *time.Timer // runs while a roster is due; otherwise nil
	ended      bool
}

// chat joins each connection to the room.
func (d *demo) chat() http.Handler {
	u := &conn.Upgrader{Config: conn.Config{MaxMessageSize: chatLimit, QueuePolicy: conn.QueueRefuse, Group: &d.open}}
	return u.Handler(d.room.events())
}

// events connects a connection's events with the room. A connection that the room refused has no
// member.
func (r *room) events() *conn.Events {
	return &conn.Events{
		Open: func(c *conn.Conn, _ *handshake.Request) {
			if m := r.join(c); m != nil {
				c.SetData(m)
			}
		},
		Message: func(c *conn.Conn, t conn.MessageType, p []byte) {
			if m, ok := c.Data().(*member); ok {
				r.message(m, t, p)
			}
		},
		Close: func(c *conn.Conn, e *conn.CloseError) {
			if m, ok := c.Data().(*member); ok {
				r.leave(m, e)
			}
		},
	}
}

// join adds a member and welcomes it. If the room is full or has ended, it closes l and returns
// nil.
func (r *room) join(l link) *member {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended || len(r.members) >= maxMembers {
		hangUp(l, conn.CloseTryAgainLater, "the room is full")
		return nil
	}
	r.lastID++
	m := &member{link: l, ID: r.lastID, Name: birdName(r.lastID), Hue: hueOf(r.lastID)}
	r.members = append(r.members, m)
	r.deliverLocked(news{Type: "welcome", ID: m.ID, Name: m.Name, Hue: m.Hue}, m)
	r.sendRosterLocked()
	return m
}

// leave removes a member whose connection has ended with e, and tells the others how it ended.
func (r *room) leave(m *member, e *conn.CloseError) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.remove(m)
	if !r.ended {
		r.deliverLocked(news{Type: "left", ID: m.ID, Name: m.Name, Hue: m.Hue, Code: e.Code, Text: e.Reason}, r.members...)
	}
	r.sendRosterLocked()
}

// message processes one message of a member.
func (r *room) message(m *member, t conn.MessageType, p []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.Sent.add(len(p))
	defer r.sendRosterLocked() // once every counter is up to date
	var n note
	if t != conn.Text || json.Unmarshal(p, &n) != nil {
		n = note{}
	}
	switch n.Type {
	case "say":
		r.sayLocked(m, n.Text)
	case "wave":
		r.broadcastLocked(news{Type: "waved", ID: m.ID})
	case "name":
		r.renameLocked(m, n.Name)
	default:
		r.deliverLocked(news{Type: "problem", Text: `the room takes JSON text: {"type":"say","text":"Hello"}, {"type":"wave"} or {"type":"name","name":"Ada"}`}, m)
	}
}

// sayLocked passes text on to everybody, including its author.
func (r *room) sayLocked(m *member, text string) {
	text = strings.TrimSpace(text)
	if text == "" {
		r.deliverLocked(news{Type: "problem", Text: "there is no text to say"}, m)
		return
	}
	r.broadcastLocked(news{Type: "said", ID: m.ID, Name: m.Name, Hue: m.Hue, Text: text})
}

// renameLocked gives m another name.
func (r *room) renameLocked(m *member, name string) {
	name = cleanName(name)
	if name == "" {
		r.deliverLocked(news{Type: "problem", Text: "a name needs at least one visible character"}, m)
		return
	}
	m.Name = name
}

// shut ends the room: no roster leaves any more, and nobody joins. Closing the connections is the
// Group's task.
func (r *room) shut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
}

// The methods below need r.mu.

// sendRosterLocked sends the roster: at once if none left within rosterEvery, otherwise when that
// time is over, once for all changes until then.
func (r *room) sendRosterLocked() {
	if r.ended || r.timer != nil {
		return
	}
	wait := rosterEvery - time.Since(r.lastRoster)
	if wait <= 0 {
		r.sendRoster()
		return
	}
	r.timer = time.AfterFunc(wait, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.timer = nil
		if !r.ended {
			r.sendRoster()
		}
	})
}

func (r *room) sendRoster() {
	r.lastRoster = time.Now()
	r.deliverLocked(news{Type: "roster", Members: r.members}, r.members...)
}

// broadcastLocked delivers n to everybody and counts it.
func (r *room) broadcastLocked(n news) {
	size := r.deliverLocked(n, r.members...)
	for _, m := range r.members {
		m.Received.add(size)
	}
}

// deliverLocked frames n once and queues it to all members named. A member that does not keep up is
// dropped. deliverLocked returns the size of n in bytes.
func (r *room) deliverLocked(n news, to ...*member) int {
	text, err := json.Marshal(n)
	if err != nil {
		return 0 // no value of news causes this
	}
	prepared, err := conn.Prepare(conn.Text, text)
	if err != nil {
		return 0 // json.Marshal writes valid UTF-8
	}
	// This is a copy, since dropping a member shortens r.members.
	for _, m := range slices.Clone(to) {
		if errors.Is(m.link.SendPrepared(prepared), conn.ErrQueueFull) {
			r.remove(m)
			hangUp(m.link, conn.CloseTryAgainLater, "you read too slowly")
			r.sendRosterLocked()
		} // any other error: the connection has ended, its Close event follows
	}
	return len(text)
}

func (r *room) remove(m *member) {
	r.members = slices.DeleteFunc(r.members, func(x *member) bool { return x == m })
}

// hangUp closes l without waiting for the peer's answer, which can take as long as
// conn.Config.CloseTimeout.
func hangUp(l link, code conn.CloseCode, reason string) {
	go func() { _ = l.Close(code, reason) }() // the Close event reports the end
}

// cleanName makes a name from what a member sent: visible characters, single spaces, at most
// maxName code points.
func cleanName(s string) string {
	s = strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) && !unicode.IsSpace(c) {
			return -1 // control and direction marks would disturb the line
		}
		return c
	}, s)
	runes := []rune(strings.Join(strings.Fields(s), " "))
	return strings.TrimSpace(string(runes[:min(len(runes), maxName)]))
}

// birdName returns the name that a newcomer has until it sends one. Every pair of words comes up
// once before one is repeated.
func birdName(id int) string {
	moods := [...]string{"Quiet", "Merry", "Swift", "Curious", "Early", "Patient", "Brave", "Gentle", "Lucky"}
	birds := [...]string{"Heron", "Wren", "Kestrel", "Plover", "Robin", "Curlew", "Magpie", "Linnet", "Osprey", "Teal"}
	return moods[id%len(moods)] + " " + birds[id%len(birds)]
}

// hueOf returns a hue. Steps of the golden angle spread colours far apart.
func hueOf(id int) int { return id * 137 % 360 }
