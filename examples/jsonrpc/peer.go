// Package jsonrpc is JSON-RPC 2.0 over WebSocket, in both directions of one connection: any number
// of calls at a time, each of which can be cancelled. It shows conn/wsjson, and how answers find
// those who wait for them.
package jsonrpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/wsjson"
)

// Handler answers a call. Its ctx ends when the caller cancels the call, or with the connection. An
// [*Error] is sent as it is, and any other error as an internal error, without its text. Calls run
// at the same time. Notifications run one after the other on the goroutine of [Peer.Run], so that
// the handler of one must not wait for a Call.
type Handler func(ctx context.Context, method string, params json.RawMessage) (any, error)

// Error is an error of JSON-RPC 2.0 (section 5.1).
type Error struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *Error) Error() string { return fmt.Sprintf("jsonrpc: %s (%d)", e.Message, e.Code) }

// Errors of the specification.
var (
	ErrParse    = &Error{-32700, "parse error"}
	ErrRequest  = &Error{-32600, "invalid request"}
	ErrMethod   = &Error{-32601, "method not found"}
	ErrParams   = &Error{-32602, "invalid params"}
	ErrInternal = &Error{-32603, "internal error"}
	ErrBusy     = &Error{-32000, "too many calls at a time"}
)

// cancelMethod is the notification that cancels a call, as in the Language Server Protocol.
const cancelMethod = "$/cancelRequest"

// maxCalls bounds how many calls of a peer are worked on at a time.
const maxCalls = 100

// message is a request, a notification or a response.
type message struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *Error          `json:"error,omitempty"`
}

// Peer is one end of a connection. Run has to run for its calls to be answered.
type Peer struct {
	c      *ws.Conn
	handle Handler

	mu      sync.Mutex
	last    uint64
	waiting map[string]chan message       // calls of this side, by ID
	working map[string]context.CancelFunc // calls of the peer, by ID
}

// New returns the Peer of c. handle answers the other side's calls; nil: there is none to call.
func New(c *ws.Conn, handle Handler) *Peer {
	if handle == nil {
		handle = func(context.Context, string, json.RawMessage) (any, error) { return nil, ErrMethod }
	}
	return &Peer{c: c, handle: handle, waiting: map[string]chan message{}, working: map[string]context.CancelFunc{}}
}

// Run reads until the connection or ctx ends, and returns why. Calls that are worked on are
// cancelled then, and Run waits for them.
func (p *Peer) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer work.Wait()
	defer cancel()
	for {
		m, err := wsjson.Read[message](ctx, p.c)
		if _, bad := errors.AsType[*wsjson.DocumentError](err); bad {
			p.refuse(json.RawMessage("null"), ErrParse) // and read on: section 5.1
			continue
		}
		if err != nil {
			return err
		}
		switch {
		case m.Method == cancelMethod:
			p.cancelled(m.Params)
		case m.Method != "":
			p.called(ctx, m, &work)
		case m.ID != nil:
			p.answered(m)
		default:
			p.refuse(json.RawMessage("null"), ErrRequest)
		}
	}
}

// called works on a call of the peer, on a goroutine of its own.
func (p *Peer) called(ctx context.Context, m message, work *sync.WaitGroup) {
	ctx, cancel := context.WithCancel(ctx)
	if m.ID != nil { // else it is a notification
		p.mu.Lock()
		_, twice := p.working[string(m.ID)]
		full := len(p.working) >= maxCalls
		if !twice && !full {
			p.working[string(m.ID)] = cancel
		}
		p.mu.Unlock()
		if twice || full {
			cancel()
			err := ErrRequest
			if full {
				err = ErrBusy
			}
			p.refuse(m.ID, err)
			return
		}
	}
	run := func() {
		defer cancel()
		result, err := p.handle(ctx, m.Method, m.Params)
		if m.ID == nil {
			return
		}
		p.mu.Lock()
		delete(p.working, string(m.ID))
		p.mu.Unlock()
		p.answer(context.WithoutCancel(ctx), m.ID, result, err)
	}
	if m.ID == nil {
		run() // in order, and nobody's memory but ours
		return
	}
	work.Go(run)
}

// refuse sends an error from Run's goroutine, which must not wait for the peer: two peers that
// waited for each other to read would wait for ever. One that does not read its errors loses the
// connection, when Config.Queue is full.
func (p *Peer) refuse(id json.RawMessage, e *Error) {
	_ = wsjson.Send(p.c, message{Version: "2.0", ID: id, Error: e})
}

// answer sends a response, from the goroutine of a call.
func (p *Peer) answer(ctx context.Context, id json.RawMessage, result any, err error) {
	m := message{Version: "2.0", ID: id}
	if err == nil {
		m.Result, err = json.Marshal(result)
	}
	if err != nil {
		m.Result = nil
		if e, ok := errors.AsType[*Error](err); ok {
			m.Error = e
		} else {
			m.Error = ErrInternal
		}
	}
	_ = wsjson.Write(ctx, p.c, m) // if it fails, Run finds the end of the connection
}

// cancelled cancels the call of the peer that params name.
func (p *Peer) cancelled(params json.RawMessage) {
	var call struct {
		ID json.RawMessage `json:"id"`
	}
	if json.Unmarshal(params, &call) != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if cancel := p.working[string(call.ID)]; cancel != nil {
		cancel()
	}
}

// answered gives a response to the call that waits for it. One that nobody waits for is dropped:
// its call was cancelled.
func (p *Peer) answered(m message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ch := p.waiting[string(m.ID)]; ch != nil {
		delete(p.waiting, string(m.ID))
		ch <- m // it has room
	}
}

// Call calls a method of the other side and decodes its result into result, a pointer or nil. If
// ctx ends first, the other side is told, and Call returns ctx's error. An answer with an error is
// returned as an [*Error]. Any number of goroutines may call.
func (p *Peer) Call(ctx context.Context, method string, params, result any) error {
	raw, err := json.Marshal(params)
	if err != nil {
		return err
	}
	ch := make(chan message, 1)
	p.mu.Lock()
	p.last++
	id := fmt.Sprint(p.last)
	p.waiting[id] = ch
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.waiting, id)
		p.mu.Unlock()
	}()
	if err := wsjson.Write(ctx, p.c, message{Version: "2.0", ID: json.RawMessage(id), Method: method, Params: raw}); err != nil {
		return err
	}
	select {
	case m := <-ch:
		switch {
		case m.Error != nil:
			return m.Error
		case result == nil:
			return nil
		}
		return json.Unmarshal(m.Result, result)
	case <-ctx.Done():
		_ = wsjson.Send(p.c, message{Version: "2.0", Method: cancelMethod, Params: json.RawMessage(`{"id":` + id + `}`)})
		return ctx.Err()
	case <-p.c.Done():
		return p.c.Err()
	}
}

// Notify sends a notification: a call without an answer.
func (p *Peer) Notify(ctx context.Context, method string, params any) error {
	raw, err := json.Marshal(params)
	if err != nil {
		return err
	}
	return wsjson.Write(ctx, p.c, message{Version: "2.0", Method: method, Params: raw})
}
