package browser

import "syscall/js"

// webSocket is a Socket over the WebSocket of JavaScript.
type webSocket struct {
	ws     js.Value
	opened bool
	on     handlers
	h      Handler
}

func openSocket(class js.Value, url string, subprotocols []any, h Handler) Socket {
	s := &webSocket{ws: class.New(url, subprotocols), h: h}
	s.ws.Set("binaryType", "arraybuffer")
	s.ws.Set("onopen", s.on.add(func(js.Value) {
		s.opened = true
		h.Opened()
	}))
	s.ws.Set("onmessage", s.on.add(func(event js.Value) { h.Message(received(event.Get("data"))) }))
	s.ws.Set("onerror", s.on.add(func(js.Value) {
		if !s.opened { // Node.js 20 then has no close event
			s.end(End{Code: 1006})
		}
	}))
	s.ws.Set("onclose", s.on.add(func(event js.Value) {
		s.end(End{event.Get("code").Int(), event.Get("reason").String(), event.Get("wasClean").Bool()})
	}))
	return s
}

// end lets go of the events, and reports the end.
func (s *webSocket) end(how End) {
	for _, name := range []string{"onopen", "onmessage", "onerror", "onclose"} {
		s.ws.Set(name, nil)
	}
	s.on.release()
	s.h.Ended(how)
}

func (s *webSocket) Protocol() string { return s.ws.Get("protocol").String() }

func (s *webSocket) Want() {}

func (s *webSocket) Send(text bool, p []byte) (err error) {
	defer catch(&err)
	s.ws.Call("send", toSend(text, p))
	return nil
}

func (s *webSocket) Buffered() int { return s.ws.Get("bufferedAmount").Int() }

func (s *webSocket) Changed() <-chan struct{} { return nil }

func (s *webSocket) Close(code int, reason string) {
	defer catch(new(error)) // nothing is left to close
	if code == 0 {
		s.ws.Call("close")
		return
	}
	s.ws.Call("close", code, reason)
}
