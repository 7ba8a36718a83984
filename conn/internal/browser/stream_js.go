package browser

import "syscall/js"

// streamSocket is a Socket over the WebSocketStream of JavaScript.
//
// The end is reported when two things have happened: the promise closed is settled, and what came
// before the end has been read.
type streamSocket struct {
	stream   js.Value
	abort    js.Value // an AbortController: ends the opening handshake
	reader   js.Value
	writer   js.Value
	protocol string
	h        Handler

	on                       handlers
	onRead, onEOF, onWritten js.Func

	opened  bool
	reading bool // a read of the reader is under way
	end     *End // how the socket was closed, when that is known
	ended   bool // h.Ended was called

	inFlight []int // the sizes of the messages of which onWritten has not been called
	buffered int   // their sum
	changed  chan struct{}
}

// ignore takes the errors of promises that say nothing new. JavaScript reports those that nobody
// takes.
var ignore = js.FuncOf(func(js.Value, []js.Value) any { return nil })

func openStream(class js.Value, url string, subprotocols []any, h Handler) Socket {
	s := &streamSocket{h: h, changed: make(chan struct{}, 1)}
	s.abort = js.Global().Get("AbortController").New()
	options := map[string]any{"signal": s.abort.Get("signal")}
	if len(subprotocols) > 0 {
		options["protocols"] = subprotocols
	}
	s.stream = class.New(url, options)
	s.onRead = s.on.add(s.read)
	s.onEOF = s.on.add(func(js.Value) { s.readEnded() })
	s.onWritten = s.on.add(func(js.Value) { s.written() })
	s.stream.Get("opened").Call("then", s.on.add(s.open), ignore)
	s.stream.Get("closed").Call("then", s.on.add(s.closed), s.on.add(s.cut))
	return s
}

// open is called when the opening handshake is done.
func (s *streamSocket) open(connection js.Value) {
	s.reader = connection.Get("readable").Call("getReader")
	s.writer = connection.Get("writable").Call("getWriter")
	s.protocol = connection.Get("protocol").String()
	s.writer.Get("closed").Call("catch", ignore) // the promise closed of the stream says it
	s.opened = true
	s.h.Opened()
}

// closed is called after a closing handshake.
func (s *streamSocket) closed(info js.Value) {
	s.over(End{closeCode(info, 1005), reason(info), true})
}

// cut is called if there was no closing handshake, or no connection.
func (s *streamSocket) cut(err js.Value) { s.over(End{closeCode(err, 1006), reason(err), false}) }

func closeCode(v js.Value, none int) int {
	if code := v.Get("closeCode"); code.Type() == js.TypeNumber {
		return code.Int()
	}
	return none
}

func reason(v js.Value) string {
	if reason := v.Get("reason"); reason.Type() == js.TypeString {
		return reason.String()
	}
	return ""
}

// over keeps the end, and reports it when everything has been read.
func (s *streamSocket) over(end End) {
	s.end = &end
	if !s.opened {
		s.readEnded()
		return
	}
	s.Want()
}

func (s *streamSocket) Want() {
	if s.reading || s.ended || !s.opened {
		return
	}
	s.reading = true
	s.reader.Call("read").Call("then", s.onRead, s.onEOF)
}

// read is called with the result of a read.
func (s *streamSocket) read(result js.Value) {
	s.reading = false
	if result.Get("done").Bool() {
		s.readEnded()
		return
	}
	s.h.Message(received(result.Get("value")))
	if s.end != nil {
		s.Want() // nothing holds the peer back any more, so what is left is read at once
	}
}

// readEnded is called when no more messages come. If the end is not known yet, over calls Want,
// whose read finds the same again.
func (s *streamSocket) readEnded() {
	s.reading = false
	if s.end == nil || s.ended {
		return
	}
	s.ended = true
	s.release()
	s.h.Ended(*s.end)
}

// release gives the functions back when none of them will be called any more.
func (s *streamSocket) release() {
	if s.ended && len(s.inFlight) == 0 {
		s.on.release()
	}
}

func (s *streamSocket) Protocol() string { return s.protocol }

func (s *streamSocket) Send(text bool, p []byte) (err error) {
	defer catch(&err)
	if s.ended {
		return nil // as a WebSocket does
	}
	// If a write fails the message is lost, and the promise closed of the stream tells why.
	s.writer.Call("write", toSend(text, p)).Call("then", s.onWritten, s.onWritten)
	s.inFlight = append(s.inFlight, len(p))
	s.buffered += len(p)
	return nil
}

// written is called for each message that has left, in the order of Send.
func (s *streamSocket) written() {
	s.buffered -= s.inFlight[0]
	s.inFlight = s.inFlight[1:]
	s.release()
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func (s *streamSocket) Buffered() int { return s.buffered }

func (s *streamSocket) Changed() <-chan struct{} { return s.changed }

func (s *streamSocket) Close(code int, reason string) {
	defer catch(new(error)) // nothing is left to close
	switch {
	case !s.opened:
		s.abort.Call("abort")
	case code == 0:
		s.stream.Call("close")
	default:
		s.stream.Call("close", map[string]any{"closeCode": code, "reason": reason})
	}
}
