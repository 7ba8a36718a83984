package hub

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"

	ws "github.com/rfc6455/ws/conn"
)

// commandStart is how a client's command begins: the JavaScript client writes it so.
var commandStart = []byte(`{"hub":"`)

// command is what a client sends.
type command struct {
	Hub      string `json:"hub"` // "subscribe" or "unsubscribe"
	Topic    string `json:"topic"`
	ID       uint64 `json:"id"`
	Position string `json:"position"`
}

// reply is what a client gets.
type reply struct {
	Hub      string `json:"hub"` // "subscribed", "lost" or "refused"
	Topic    string `json:"topic"`
	ID       uint64 `json:"id,omitempty"` // of the command
	Position string `json:"position,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

// Command does what a client asks for, and reports whether p was a command at all: if not, p is the
// program's own message. Call it first in Events.Message:
//
//	Message: func(c *ws.Conn, t ws.MessageType, p []byte) {
//		if h.Command(ctx, c, t, p) {
//			return
//		}
//		...
//	}
//
// A command is text, and begins with these bytes:
//
//	{"hub":"subscribe","topic":"room/7","id":1,"position":"1042.Zm9v"}
//	{"hub":"unsubscribe","topic":"room/7"}
//
// The client is answered, before the first message of the topic, with the position at which its
// subscription begins:
//
//	{"hub":"subscribed","topic":"room/7","id":1,"position":"1042.Zm9v"}
//	{"hub":"lost","topic":"room/7","id":1}            ErrHistoryLost: subscribe without a position
//	{"hub":"refused","topic":"room/7","id":1,"reason":"..."}
//
// The id is a number of the client's choice, or missing. A client that unsubscribes and subscribes
// again may still get a reply to the first command, and messages of the first subscription: the id
// tells to which command a reply belongs, and the messages that come after a reply belong to the
// same one.
//
// If the broker fails, the connection is closed with 1013 (try again later), and the client comes
// back. Hub.Check decides what a client may subscribe to. Publishing is the program's: there is no
// command for that. ctx bounds the wait for the broker and for the peer; so do 10 seconds.
//
// Command is for one goroutine per connection. p is not kept.
func (h *Hub) Command(ctx context.Context, c *ws.Conn, t ws.MessageType, p []byte) bool {
	if t != ws.Text || !bytes.HasPrefix(p, commandStart) {
		return false
	}
	var cmd command
	if err := json.Unmarshal(p, &cmd); err != nil {
		h.refuse(c, &command{}, "this is no JSON of a command")
		return true
	}
	switch cmd.Hub {
	case "subscribe":
		h.subscribeFor(ctx, c, &cmd)
	case "unsubscribe":
		h.Unsubscribe(c, cmd.Topic)
	default:
		h.refuse(c, &cmd, "there is no such command")
	}
	return true
}

// subscribeFor subscribes c, and answers.
func (h *Hub) subscribeFor(ctx context.Context, c *ws.Conn, cmd *command) {
	since, err := ParsePosition(cmd.Position)
	if err != nil {
		h.refuse(c, cmd, err.Error())
		return
	}
	if err := h.allow(c, cmd.Topic); err != nil {
		h.refuse(c, cmd, err.Error())
		return
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	_, err = h.subscribe(ctx, c, cmd.Topic, since, func(at Position) error {
		return send(c, reply{Hub: "subscribed", Topic: cmd.Topic, ID: cmd.ID, Position: at.String()})
	})
	switch {
	case err == nil, errors.Is(err, net.ErrClosed):
	case errors.Is(err, ErrHistoryLost):
		_ = send(c, reply{Hub: "lost", Topic: cmd.Topic, ID: cmd.ID})
	case errors.Is(err, ErrSubscribed), errors.Is(err, ErrTooManyTopics):
		h.refuse(c, cmd, err.Error())
	default:
		h.failed(cmd.Topic, err)
		go func() { _ = c.Close(ws.CloseTryAgainLater, "the topic can't be reached now") }()
	}
}

func (h *Hub) refuse(c *ws.Conn, cmd *command, reason string) {
	_ = send(c, reply{Hub: "refused", Topic: cmd.Topic, ID: cmd.ID, Reason: reason})
}

// send sends a reply. A connection that can't take it has ended, or is about to.
func send(c *ws.Conn, r reply) error {
	p, err := json.Marshal(&r)
	if err != nil {
		return err
	}
	return c.Send(ws.Text, p)
}
