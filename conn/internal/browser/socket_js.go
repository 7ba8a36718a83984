// Package browser is the WebSocket that JavaScript has, in a browser or in Node.js. It takes the
// WebSocketStream if there is one, and else the WebSocket.
//
// Both do the handshakes, the frames, the control frames and the compression themselves. What is
// left to do is to hand messages over, and to count what waits.
//
// The functions of a [Handler] run on JavaScript's event loop. While one of them runs nothing else
// does, so it must not wait for anything.
package browser

import (
	"errors"
	"syscall/js"
)

// Socket is one WebSocket. Its methods never wait.
type Socket interface {
	// Protocol returns the subprotocol that was agreed, or "".
	Protocol() string

	// Want asks for one more message. A WebSocketStream then takes one from the network, and holds
	// the peer back if nobody asks. A WebSocket does nothing, since its messages come unasked.
	Want()

	// Send hands a message over. It copies p. The error says that the socket takes none.
	Send(text bool, p []byte) error

	// Buffered returns how many bytes of the messages that were handed over have not left.
	Buffered() int

	// Changed returns a channel that gets a value when Buffered may have fallen. It is nil if
	// JavaScript does not tell that, so that somebody has to look now and then.
	Changed() <-chan struct{}

	// Close begins the closing handshake. Code 0 means a Close frame without a code. A code is 1000
	// or 3000 to 4999, and a reason has at most 123 bytes.
	Close(code int, reason string)
}

// Handler has the functions that a [Socket] calls.
type Handler struct {
	Opened  func()        // the opening handshake is done
	Message func(Message) // a message has come
	Ended   func(End)     // the last call: the socket is closed, or could not be opened
}

// End says how a socket ended.
type End struct {
	Code   int // of the peer's Close frame; 1005: it had none; 1006: no Close frame came
	Reason string
	Clean  bool // the closing handshake was done
}

// The errors of [Open].
var (
	ErrNone = errors.New("there is no WebSocket: Node.js has one from version 22 on, " +
		"or with --experimental-websocket")
	ErrSyntax   = errors.New("the URL is invalid, or a subprotocol is")
	ErrInsecure = errors.New("a page that came over https may open wss URLs alone")
)

// Open begins to connect to a ws or wss URL. h.Opened or h.Ended tell what became of that.
func Open(url string, subprotocols []string, h Handler) (s Socket, err error) {
	defer catch(&err)
	names := make([]any, len(subprotocols))
	for i, name := range subprotocols {
		names[i] = name
	}
	if class := js.Global().Get("WebSocketStream"); class.Truthy() {
		return openStream(class, url, names, h), nil
	}
	if class := js.Global().Get("WebSocket"); class.Truthy() {
		return openSocket(class, url, names, h), nil
	}
	return nil, ErrNone
}

// catch turns what JavaScript has thrown into an error. It repeats nothing of that but its name,
// since the text has the URL, which may hold secrets.
func catch(err *error) {
	switch thrown := recover().(type) {
	case nil:
	case js.Error:
		switch name := thrown.Get("name").String(); name {
		case "SyntaxError":
			*err = ErrSyntax
		case "SecurityError":
			*err = ErrInsecure
		default:
			*err = errors.New("JavaScript has thrown " + name)
		}
	default:
		panic(thrown)
	}
}

// handlers are functions that JavaScript calls.
type handlers []js.Func

// add returns f as a function of JavaScript. f gets the first argument.
func (h *handlers) add(f func(js.Value)) js.Func {
	fn := js.FuncOf(func(_ js.Value, args []js.Value) any {
		arg := js.Undefined()
		if len(args) > 0 {
			arg = args[0]
		}
		f(arg)
		return nil
	})
	*h = append(*h, fn)
	return fn
}

// release gives the functions back. JavaScript must not call them any more.
func (h *handlers) release() {
	for _, fn := range *h {
		fn.Release()
	}
	*h = nil
}
