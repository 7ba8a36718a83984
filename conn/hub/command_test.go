package hub

import (
	"errors"
	"strings"
	"testing"

	ws "github.com/rfc6455/ws/conn"
)

// command sends one command on behalf of the client.
func (cl *client) command(h *Hub, text string) bool {
	return h.Command(bg, cl.server, ws.Text, []byte(text))
}

// TestCommand: a client subscribes, comes back, and is told what it can't have.
func TestCommand(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := Hub{Broker: history(2), Envelope: JSON, MaxTopics: 2, Check: func(_ *ws.Conn, topic string) error {
			if topic == "secret" {
				return errors.New("members only")
			}
			return nil
		}}
		cl := connect(t)
		at := publish(t, &h, "room", "before")
		cl.command(&h, `{"hub":"subscribe","topic":"room"}`)
		cl.want(t, "subscribed", `{"hub":"subscribed","topic":"room","position":"`+at.String()+`"}`)
		next, err := h.Publish(bg, "room", ws.Text, []byte(`say "hi"`))
		if err != nil {
			t.Fatal(err)
		}
		cl.want(t, "text", `{"hub":"message","topic":"room","position":"`+next.String()+`","text":"say \"hi\""}`)
		if next, err = h.Publish(bg, "room", ws.Binary, []byte{0, 255}); err != nil {
			t.Fatal(err)
		}
		cl.want(t, "binary", `{"hub":"message","topic":"room","position":"`+next.String()+`","base64":"AP8="}`)
		cl.command(&h, `{"hub":"unsubscribe","topic":"room"}`)
		last := publish(t, &h, "room", "missed")
		cl.want(t, "unsubscribed")
		cl.command(&h, `{"hub":"subscribe","topic":"room","id":7,"position":"`+next.String()+`"}`)
		cl.want(t, "came back", `{"hub":"subscribed","topic":"room","id":7,"position":"`+next.String()+`"}`,
			`{"hub":"message","topic":"room","position":"`+last.String()+`","text":"missed"}`)
		for _, test := range [][2]string{
			{`{"hub":"subscribe","topic":"room"}`, `{"hub":"refused","topic":"room","reason":"` + ErrSubscribed.Error() + `"}`},
			{`{"hub":"subscribe","topic":"secret"}`, `{"hub":"refused","topic":"secret","reason":"members only"}`},
			{`{"hub":"subscribe","topic":"b","id":8,"position":"1.x"}`, `{"hub":"lost","topic":"b","id":8}`},
			{`{"hub":"subscribe","topic":"secret","id":9}`, `{"hub":"refused","topic":"secret","id":9,"reason":"members only"}`},
			{`{"hub":"dance","topic":"b","id":10}`, `{"hub":"refused","topic":"b","id":10,"reason":"there is no such command"}`},
			{`{"hub":"subscribe","topic":"b","position":"1"}`, `{"hub":"refused","topic":"b","reason":"` +
				strings.ReplaceAll(errPosition.Error(), `"`, `\"`) + `"}`},
			{`{"hub":"dance","topic":"b"}`, `{"hub":"refused","topic":"b","reason":"there is no such command"}`},
			{`{"hub":"subscribe"`, `{"hub":"refused","topic":"","reason":"this is no JSON of a command"}`},
			{`{"hub":"unsubscribe","topic":"b"}`, ``},
		} {
			if !cl.command(&h, test[0]) {
				t.Errorf("%s: not taken for a command", test[0])
			}
			if test[1] == "" {
				cl.want(t, test[0])
			} else {
				cl.want(t, test[0], test[1])
			}
		}
		for _, text := range []string{"", "{}", `{"type":"say"}`, ` {"hub":"subscribe"}`} {
			if cl.command(&h, text) {
				t.Errorf("%q: taken for a command", text)
			}
		}
		if h.Command(bg, cl.server, ws.Binary, commandStart) {
			t.Error("a binary message was taken for a command")
		}
	})
}

// FuzzCommand: whatever a client sends, it can't subscribe to more than it may, nor does it harm
// others.
func FuzzCommand(f *testing.F) {
	for _, seed := range []string{
		`{"hub":"subscribe","topic":"room"}`, `{"hub":"subscribe","topic":"room","position":"1.x"}`,
		`{"hub":"unsubscribe","topic":"room"}`, `{"hub":"subscribe","topic":"a\u0000b"}`, `{"hub":"`, `{"hub":"subscribe","topic":7}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		bubble(t, func(t *testing.T) {
			h := Hub{Broker: history(2), Envelope: JSON, Check: func(_ *ws.Conn, topic string) error {
				if strings.HasPrefix(topic, "r") {
					return nil
				}
				return errors.New("no")
			}}
			bob := connect(t)
			subscribe(t, &h, bob, "room", Position{})
			cl := connect(t)
			h.Command(bg, cl.server, ws.Text, p)
			for topic := range h.topics {
				if !strings.HasPrefix(topic, "r") || h.checkTopic(topic) != nil {
					t.Errorf("subscribed to %q", topic)
				}
			}
			at := publish(t, &h, "room", "hello")
			bob.want(t, "another client", `{"hub":"message","topic":"room","position":"`+at.String()+`","text":"hello"}`)
		})
	})
}

// FuzzPosition: a position that is parsed is written the same way.
func FuzzPosition(f *testing.F) {
	for _, seed := range []string{"", "1.x", "01.x", "-1.x", "18446744073709551615.AZaz09-_", "18446744073709551616.x", "1.", "1.a.b", "1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePosition(s)
		if err == nil && p.String() != s {
			t.Errorf("%q is read as %v, written %q", s, p, p.String())
		}
		if err != nil && !p.IsZero() {
			t.Errorf("%q: %v and a position", s, err)
		}
	})
}
