package hub

import (
	"encoding/base64"
	"encoding/json"

	ws "github.com/rfc6455/ws/conn"
)

// prepare frames a message for the subscribers.
func (h *Hub) prepare(topic string, m *Message) (*ws.Prepared, error) {
	if h.Envelope == nil {
		return ws.Prepare(m.Type, m.Data)
	}
	t, p, err := h.Envelope(topic, m)
	if err != nil {
		return nil, err
	}
	return ws.Prepare(t, p)
}

// envelope is the form of JSON.
type envelope struct {
	Hub      string  `json:"hub"` // "message"
	Topic    string  `json:"topic"`
	Position string  `json:"position,omitempty"`
	Text     *string `json:"text,omitempty"`
	Base64   *string `json:"base64,omitempty"`
}

// JSON is a Hub.Envelope. It puts a message into a JSON object:
//
//	{"hub":"message","topic":"room/7","position":"1042.Zm9v","text":"Hello"}
//
// A binary message has "base64" instead of "text". "position" is missing if the broker keeps no
// history.
func JSON(topic string, m *Message) (ws.MessageType, []byte, error) {
	e := envelope{Hub: "message", Topic: topic, Position: m.Position.String()}
	if m.Type&^ws.Uncompressed == ws.Text {
		text := string(m.Data)
		e.Text = &text
	} else {
		text := base64.StdEncoding.EncodeToString(m.Data)
		e.Base64 = &text
	}
	p, err := json.Marshal(&e)
	return ws.Text | m.Type&ws.Uncompressed, p, err
}
