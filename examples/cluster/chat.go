package main

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/hub"
)

const topic = "chat"

//go:embed page
var files embed.FS

// chat is the chat of one node.
type chat struct {
	node int
	hub  *hub.Hub
	open ws.Group
}

// said is a message of the chat. The page that sends it chooses ID. A page that has lost its node
// while it was sending sends the message again, and everybody drops an ID that has been there.
type said struct {
	ID   string `json:"id"`
	Text string `json:"text"`
	Node int    `json:"node"` // that took it
}

const (
	maxText    = 1000        // bytes
	sayTimeout = time.Minute // the others may have to elect a leader first
)

func newChat(node int, b hub.Broker) *chat {
	c := &chat{node: node}
	c.hub = &hub.Hub{Broker: b, Envelope: hub.JSON, Check: func(_ *ws.Conn, name string) error {
		if name != topic {
			return fmt.Errorf("there is one topic, %q", topic)
		}
		return nil
	}}
	return c
}

// handler serves the page, the client, and the sockets of pages of all nodes.
func (c *chat) handler() http.Handler {
	var origins []string
	for i := range nodes {
		origins = append(origins, "http://"+webAddr(i))
	}
	u := &ws.Upgrader{
		Config:  ws.Config{Group: &c.open, MaxMessageSize: 4 << 10, KeepAlive: 10 * time.Second},
		Origins: origins,
	}
	page, err := fs.Sub(files, "page")
	if err != nil {
		panic(err) // the page is a part of this program
	}
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServerFS(page))
	mux.Handle("/hub.js", hub.Script())
	mux.Handle("/ws", u.Handler(&ws.Events{Open: c.greet, Message: c.message}))
	mux.HandleFunc("GET /nodes", c.nodes)
	return mux
}

// nodes tells the page where the nodes are.
func (c *chat) nodes(w http.ResponseWriter, _ *http.Request) {
	all := make([]string, nodes)
	for i := range all {
		all[i] = "ws://" + webAddr(i) + "/ws"
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(all)
}

// greet tells a page which node it is on.
func (c *chat) greet(conn *ws.Conn, _ *ws.Request) {
	_ = conn.Send(ws.Text, fmt.Appendf(nil, `{"node":%d}`, c.node))
}

// message takes a command of the hub's client, or something that a page says.
func (c *chat) message(conn *ws.Conn, t ws.MessageType, p []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), sayTimeout)
	defer cancel()
	if c.hub.Command(ctx, conn, t, p) {
		return
	}
	var m said
	if json.Unmarshal(p, &m) != nil || m.ID == "" || len(m.Text) > maxText {
		return
	}
	m.Node = c.node
	text, err := json.Marshal(m)
	if err != nil {
		return
	}
	if _, err := c.hub.Publish(ctx, topic, ws.Text, text); err != nil {
		go func() { _ = conn.Close(ws.CloseTryAgainLater, "the message could not be published") }()
	}
}
