package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/hub"
)

// clientSide has a page subscribe to topics, and notes what it is told.
const clientSide = `(async () => {
	const { connect } = await import("/hub.js");
	globalThis.told = [];
	const note = (topic) => ({
		message: (data) => told.push(topic + " message " + (typeof data === "string" ? data : "bytes " + [...data])),
		subscribed: () => told.push(topic + " subscribed"),
		lost: () => told.push(topic + " lost"),
		refused: (reason) => told.push(topic + " refused " + reason),
	});
	globalThis.c = connect(location.href.replace("http", "ws") + "ws", {
		first: 50, max: 200,
		state: (s) => told.push("state " + s),
		message: ({ data }) => told.push("own " + data),
		closed: ({ code }) => told.push("closed " + code),
	});
	c.subscribe("secret", note("secret"));
	globalThis.leave = c.subscribe("room", note("room"));
})(), true`

// TestClient: the client for browsers does what its types promise, in Chromium.
func TestClient(t *testing.T) {
	b := &lossy{Broker: &hub.Memory{Retention: hub.Retention{Messages: 3}}}
	h := hub.Hub{
		Broker: b, Envelope: hub.JSON,
		Check: func(_ *ws.Conn, topic string) error {
			if topic == "secret" {
				return errors.New("members only")
			}
			return nil
		},
	}
	var open ws.Group
	u := &ws.Upgrader{Config: ws.Config{Group: &open}}
	mux := http.NewServeMux()
	mux.Handle("/hub.js", hub.Script())
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><link rel=icon href=data:,>")
	})
	mux.Handle("/ws", u.Handler(&ws.Events{Message: func(c *ws.Conn, kind ws.MessageType, p []byte) {
		if !h.Command(context.Background(), c, kind, p) {
			_ = c.Send(kind, p)
		}
	}}))
	srv := httptest.NewServer(mux)
	defer srv.Close()
	publish := func(topic string, kind ws.MessageType, text string) {
		t.Helper()
		if _, err := h.Publish(t.Context(), topic, kind, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	cut := func() {
		for c := range open.All() {
			_ = c.CloseNow()
		}
	}
	p := openPage(t, browse(t), srv.URL+"/")
	want := func(why string, want ...string) {
		t.Helper()
		p.await(why, `globalThis.told?.length >= `+string(rune('0'+len(want))))
		if got := eval[[]string](p, `told.splice(0)`); !slices.Equal(got, want) {
			t.Errorf("%s: the page was told %q, want %q", why, got, want)
		}
	}
	eval[bool](p, clientSide)
	want("at first", "state open", "secret refused members only", "room subscribed")
	publish("room", ws.Text, "é 1")
	publish("room", ws.Binary, "\x00\xff")
	want("messages", "room message é 1", "room message bytes 0,255")
	eval[bool](p, `c.send("ping")`)
	want("a message of the program's", "own ping")
	eval[bool](p, `globalThis.at = c.position("room"), true`)
	cut()
	publish("room", ws.Text, "missed")
	want("came back", "state waiting", "state open", "room subscribed", "room message missed")
	if eval[bool](p, `at === c.position("room") || at === ""`) {
		t.Error("the position does not follow the messages")
	}
	b.lost.Store(true)
	cut()
	want("history is lost", "state waiting", "state open", "room lost", "room subscribed")
	eval[bool](p, `leave()`)
	publish("room", ws.Text, "unheard")
	eval[bool](p, `c.send("after that")`)
	want("unsubscribed", "own after that")
	eval[bool](p, `c.close(), true`)
	want("closed", "state closed", "closed 1000")
}

// lossy is a broker that begins another epoch when lost is set.
type lossy struct {
	hub.Broker
	lost atomic.Bool
}

func (l *lossy) History(ctx context.Context, topic string, since hub.Position, limit int) (hub.History, error) {
	h, err := l.Broker.History(ctx, topic, since, limit)
	if !l.lost.Load() {
		return h, err
	}
	h.After.Epoch = strings.ToLower(h.After.Epoch)
	for i := range h.Messages {
		h.Messages[i].Position.Epoch = h.After.Epoch
	}
	return h, err
}
