package main

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"log"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/hub"
)

// What pages and the chat tell each other, beside the commands of package hub:
//
//	page  {"type":"say","room":"lobby","id":"of the page's choice","text":"Hello"}
//	chat  {"type":"welcome","name":"ada","rooms":[{"room":"lobby","position":"12.Zm9v"}]}
//	chat  {"type":"who","room":"lobby","names":["ada","grace"]}
//	chat  {"type":"refused","id":"...","reason":"..."}
//
// A page subscribes to a room from the position that it was welcomed with, and so gets the latest
// messages, and then those to come. What it says comes back to it as to everybody. Until then it
// keeps the message, and sends it again when it has connected again.
type note struct {
	Type   string     `json:"type"`
	Room   string     `json:"room,omitempty"`
	ID     string     `json:"id,omitempty"`
	Text   string     `json:"text,omitempty"`
	Reason string     `json:"reason,omitempty"`
	Name   string     `json:"name,omitempty"`
	Names  []string   `json:"names,omitzero"`
	Rooms  []position `json:"rooms,omitempty"`
}

type position struct {
	Room     string `json:"room"`
	Position string `json:"position"`
}

// said is a message of a room.
type said struct {
	ID   string    `json:"id"`
	From string    `json:"from"`
	Text string    `json:"text"`
	At   time.Time `json:"at"`
}

const (
	maxText        = 2000 // bytes
	maxID          = 40
	maxConnections = 10_000
	maxPerUser     = 20 // connections
	publishTimeout = 10 * time.Second
)

//go:embed page
var files embed.FS

// chat is the program without its sockets.
type chat struct {
	cfg   *config
	login *login
	store *store
	hub   hub.Hub
	open  ws.Group
	stats ws.Stats
	rooms map[string]*room
}

// room knows what was said lately, so that nothing is said twice.
type room struct {
	mu     sync.Mutex
	recent []string // who, and the ID: the latest ones
}

func newChat(cfg *config, s *store) (*chat, error) {
	login, err := newLogin(cfg)
	if err != nil {
		return nil, err
	}
	c := &chat{cfg: cfg, login: login, store: s, rooms: make(map[string]*room)}
	for _, name := range cfg.rooms {
		if !goodName.MatchString(name) {
			return nil, fmt.Errorf("-rooms: %q is no name of a room", name)
		}
		if c.rooms[name], err = newRoom(s, name); err != nil {
			return nil, err
		}
	}
	s.changed = c.announce
	c.hub = hub.Hub{
		Broker:   s,
		Envelope: hub.JSON, // with positions, for pages that come back
		Identify: func(conn *ws.Conn) string { return conn.Data().(*user).name },
		Check: func(_ *ws.Conn, room string) error {
			if c.rooms[room] == nil {
				return fmt.Errorf("there is no room %q", room)
			}
			return nil
		},
		Failed: func(room string, err error) { log.Printf("room %s: %v", room, err) },
	}
	return c, nil
}

// newRoom reads what was said before this process.
func newRoom(s *store, name string) (*room, error) {
	h, err := s.History(context.Background(), name, hub.Position{}, kept)
	if err != nil {
		return nil, err
	}
	r := new(room)
	for _, m := range h.Messages {
		var old said
		if err := json.Unmarshal(m.Data, &old); err != nil {
			return nil, fmt.Errorf("room %s: %w", name, err)
		}
		r.recent = append(r.recent, old.From+"\n"+old.ID)
	}
	return r, nil
}

// handler serves the page, the login and the sockets.
func (c *chat) handler() http.Handler {
	u := &ws.Upgrader{
		Config: ws.Config{
			Group:          &c.open,
			Trace:          c.stats.Trace(),
			MaxMessageSize: 8 << 10,
			KeepAlive:      25 * time.Second, // less than the idle limits of proxies
			WriteTimeout:   10 * time.Second,
			Queue:          256 << 10, // a peer that falls further behind is closed with 1013, and comes back
		},
		Check: c.check,
	}
	if c.cfg.origin != "" {
		u.Origins = []string{c.cfg.origin}
	}
	page, err := fs.Sub(files, "page")
	if err != nil {
		panic(err) // the page is a part of this program
	}
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServerFS(page))
	mux.Handle("GET /hub.js", hub.Script())
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {}) // for a balancer: 200
	mux.Handle("/ws", u.Handler(&ws.Events{Open: c.welcome, Message: c.message, Close: c.ended}))
	c.login.routes(mux, c.logOut)
	return secure(mux)
}

// secure adds the headers that a page of one's own should have.
func secure(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; img-src data:; "+
			"frame-ancestors 'none'; form-action 'none'; base-uri 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		h.ServeHTTP(w, r)
	})
}

// check refuses handshakes of those who are not logged in, and those that are too many. Pages of
// other sites have been refused before: a browser would send them our cookie.
func (c *chat) check(r *ws.Request) error {
	refuse := func(status int, why string) error {
		return &ws.HandshakeError{Status: status, Reason: why}
	}
	u := c.login.user(r.HTTPRequest())
	switch {
	case u == nil:
		return refuse(http.StatusUnauthorized, "log in first")
	case u.open.Load() >= maxPerUser:
		return refuse(http.StatusTooManyRequests, "you have too many connections")
	case c.open.Len() >= maxConnections:
		return refuse(http.StatusServiceUnavailable, "there are too many connections")
	}
	r.Data = u // the connection's Data from now on
	return nil
}

// welcome tells a page who it is, who is where, and from where to read.
func (c *chat) welcome(conn *ws.Conn, _ *ws.Request) {
	u := conn.Data().(*user)
	if u.open.Add(1) > maxPerUser { // check has not seen those that came at the same time
		_ = conn.Close(ws.CloseTryAgainLater, "you have too many connections")
		return
	}
	hello := note{Type: "welcome", Name: u.name}
	for _, name := range c.cfg.rooms {
		h, err := c.store.History(context.Background(), name, hub.Position{}, c.cfg.history)
		if err != nil {
			continue
		}
		hello.Rooms = append(hello.Rooms, position{name, h.After.String()})
	}
	send(conn, hello)
	for _, name := range c.cfg.rooms {
		send(conn, c.who(name))
	}
}

func (c *chat) ended(conn *ws.Conn, _ *ws.CloseError) { conn.Data().(*user).open.Add(-1) }

// message takes a command of the hub's client, or what somebody says.
func (c *chat) message(conn *ws.Conn, t ws.MessageType, p []byte) {
	u := conn.Data().(*user)
	if !wait(conn, u.limit.reserve(time.Now())) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), publishTimeout)
	defer cancel()
	if c.hub.Command(ctx, conn, t, p) {
		return
	}
	var n note
	if t != ws.Text || json.Unmarshal(p, &n) != nil || n.Type != "say" {
		_ = conn.Close(ws.CloseUnsupportedData, `want {"type":"say",...} or a command of the hub`)
		return
	}
	if reason := c.refuse(&n); reason != "" {
		send(conn, note{Type: "refused", ID: n.ID, Reason: reason})
		return
	}
	if err := c.say(ctx, u, &n); err != nil {
		log.Printf("room %s: %v", n.Room, err)
		_ = conn.Close(ws.CloseTryAgainLater, "the message could not be stored") // the page comes back
	}
}

// wait holds up who sends too fast. While a callback runs nothing is read from its connection, so
// that the peer has to wait, too. wait reports false if the connection ends meanwhile.
func wait(conn *ws.Conn, d time.Duration) bool {
	if d == 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-conn.Done():
		return false
	}
}

// refuse says why something can't be said, "" if it can.
func (c *chat) refuse(n *note) string {
	switch {
	case c.rooms[n.Room] == nil:
		return "there is no such room"
	case n.ID == "" || len(n.ID) > maxID:
		return fmt.Sprintf("a message needs an id of at most %d bytes", maxID)
	case strings.TrimSpace(n.Text) == "":
		return "there is no text to say"
	case len(n.Text) > maxText:
		return fmt.Sprintf("the text has %d bytes, more than %d", len(n.Text), maxText)
	}
	return ""
}

// say publishes a message, unless it has been published before.
func (c *chat) say(ctx context.Context, u *user, n *note) error {
	text, err := json.Marshal(said{ID: n.ID, From: u.name, Text: n.Text, At: time.Now().UTC()})
	if err != nil {
		return err
	}
	r := c.rooms[n.Room]
	r.mu.Lock()
	defer r.mu.Unlock()
	key := u.name + "\n" + n.ID
	if slices.Contains(r.recent, key) {
		return nil // the page has it, or gets it with what it has missed
	}
	if _, err := c.hub.Publish(ctx, n.Room, ws.Text, text); err != nil {
		return err
	}
	r.recent = append(r.recent, key)
	r.recent = r.recent[max(0, len(r.recent)-kept):]
	return nil
}

// who is the list of those who are in a room.
func (c *chat) who(room string) note {
	n := note{Type: "who", Room: room, Names: []string{}}
	members, _ := c.store.Members(context.Background(), room) // has no errors
	for _, m := range members {
		n.Names = append(n.Names, m.ID)
	}
	return n
}

// announce tells everybody that the list of a room has changed.
func (c *chat) announce(room string) {
	p, err := json.Marshal(c.who(room))
	if err != nil {
		return
	}
	_, _ = c.open.Broadcast(ws.Text, p)
}

// logOut closes the user's connections, those of other browsers too: their pages show the login. The
// session of another browser stays good: see README.md.
func (c *chat) logOut(u *user) {
	for conn := range c.open.All() {
		if conn.Data() == u {
			go func() { _ = conn.Close(4001, "logged out") }()
		}
	}
}

// send sends a note. A connection that can't take it has ended, or is about to.
func send(conn *ws.Conn, n note) {
	if p, err := json.Marshal(n); err == nil {
		_ = conn.Send(ws.Text, p)
	}
}
