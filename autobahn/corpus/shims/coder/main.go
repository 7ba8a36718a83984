// Command coder is the shim of github.com/coder/websocket.
package main

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/coder/websocket"

	"github.com/rfc6455/ws/autobahn/corpus"
	"github.com/rfc6455/ws/autobahn/corpus/shims/internal/shim"
)

func main() { shim.Main(run) }

func run(c corpus.Case, w *shim.Wire) string {
	ctx := context.Background()
	conn, err := open(ctx, c, w)
	if err != nil {
		return err.Error()
	}
	defer conn.CloseNow()
	conn.SetReadLimit(int64(c.Max))
	for {
		t, p, err := conn.Read(ctx)
		var end websocket.CloseError
		switch {
		case err == nil:
			w.Message(t == websocket.MessageText, p)
			continue
		case errors.As(err, &end):
			w.Closed(int(end.Code), end.Reason)
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			w.Note("end", nil)
		default:
			w.Note("fail", nil)
		}
		return ""
	}
}

func open(ctx context.Context, c corpus.Case, w *shim.Wire) (*websocket.Conn, error) {
	mode := websocket.CompressionDisabled
	if c.Deflate != nil {
		mode = websocket.CompressionContextTakeover
	}
	if c.Role == "server" {
		w.Open() // net/http would send the response
		return websocket.Accept(w, w.Request(), &websocket.AcceptOptions{CompressionMode: mode})
	}
	client := &http.Client{Transport: server{w}}
	conn, _, err := websocket.Dial(ctx, "ws://shim/", &websocket.DialOptions{CompressionMode: mode, HTTPClient: client})
	return conn, err
}

// server answers the request of a client.
type server struct{ w *shim.Wire }

func (s server) RoundTrip(r *http.Request) (*http.Response, error) {
	h := http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}}
	h.Set("Sec-WebSocket-Accept", shim.Accept(r.Header.Get("Sec-WebSocket-Key")))
	if offer := s.w.Offer(); offer != "" {
		h.Set("Sec-WebSocket-Extensions", offer)
	}
	s.w.Open()
	return &http.Response{StatusCode: http.StatusSwitchingProtocols, Header: h, Body: s.w, Request: r}, nil
}
