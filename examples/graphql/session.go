package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	graphql "github.com/graph-gophers/graphql-go"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/wsjson"
	"github.com/rfc6455/ws/frame"
)

// Server serves the operations of a schema over WebSockets.
type Server struct {
	Schema *graphql.Schema

	// Init decides, by the payload of connection_init, who may connect. The context that it returns
	// is that of the connection's operations. An error closes the connection with 4403.
	Init func(ctx context.Context, payload json.RawMessage) (context.Context, error)

	// InitTimeout is how long a client may take for connection_init.
	InitTimeout time.Duration

	// MaxOperations bounds the operations of a connection at a time.
	MaxOperations int
}

// Handler returns the handler for the endpoint.
func (s *Server) Handler(u ws.Upgrader) http.Handler {
	u.Subprotocols = []string{subprotocol}
	return u.HandlerFunc(func(c *ws.Conn, _ *ws.Request) { s.serve(c) })
}

// session is a connection with its operations.
type session struct {
	*Server
	c    *ws.Conn
	work sync.WaitGroup

	mu      sync.Mutex
	active  map[string]*operation
	running int // operations, also those whose client wants them no longer
}

// operation is one that has not ended.
type operation struct {
	id     string
	cancel context.CancelFunc
}

// serve serves a connection until it ends or its client commits a fault. Then it ends the
// operations.
func (s *Server) serve(c *ws.Conn) {
	x := &session{Server: s, c: c, active: map[string]*operation{}}
	ctx, cancel := context.WithCancel(context.Background())
	err := x.receive(ctx)
	cancel()
	if f, ok := errors.AsType[fault](err); ok {
		_ = c.Close(f.code, frame.TruncateReason(f.reason))
	}
	x.work.Wait()
}

// receive does what the client's messages say until one is a fault or there are no more.
func (x *session) receive(ctx context.Context) error {
	if x.c.Subprotocol() != subprotocol {
		return errSubprotocol
	}
	ctx, err := x.initialise(ctx)
	for err == nil {
		var m message
		if m, err = x.read(ctx); err != nil {
			break
		}
		switch m.Type {
		case typeInit:
			err = errInitTwice
		case typeSubscribe:
			err = x.subscribe(ctx, m)
		case typeComplete:
			x.completed(m.ID)
		}
	}
	return err
}

// initialise waits for connection_init, and returns the context for operations.
func (x *session) initialise(ctx context.Context) (context.Context, error) {
	wait, cancel := context.WithTimeout(ctx, x.InitTimeout)
	defer cancel()
	for {
		m, err := x.read(wait)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return nil, errInitTimeout // the connection is unharmed: it can be told so
		case err != nil:
			return nil, err
		case m.Type == typeInit:
			if ctx, err = x.Init(ctx, m.Payload); err != nil {
				return nil, errForbidden
			}
			return ctx, wsjson.Send(x.c, message{Type: typeAck})
		case m.Type == typeSubscribe:
			return nil, errUnauthorized
		}
	}
}

// read returns the next message, after it has answered a ping.
func (x *session) read(ctx context.Context) (message, error) {
	m, err := wsjson.Read[message](ctx, x.c)
	if bad, ok := errors.AsType[*wsjson.DocumentError](err); ok {
		return m, invalid(bad.Error())
	}
	if err == nil {
		err = m.check()
	}
	if err == nil && m.Type == typePing {
		// Send, since the reader must not wait for a peer that reads nothing.
		err = wsjson.Send(x.c, message{Type: typePong, Payload: m.Payload})
	}
	return m, err
}

// subscribe begins an operation, on a goroutine of its own.
func (x *session) subscribe(ctx context.Context, m message) error {
	var r request
	if json.Unmarshal(m.Payload, &r) != nil || r.Query == nil {
		return invalid("the payload of subscribe is no request")
	}
	ctx, cancel := context.WithCancel(ctx)
	op := &operation{m.ID, cancel}
	x.mu.Lock()
	_, twice := x.active[op.id]
	full := x.running >= x.MaxOperations
	if !twice && !full {
		x.active[op.id] = op
		x.running++
	}
	x.mu.Unlock()
	switch {
	case twice:
		cancel()
		return duplicate(op.id)
	case full:
		cancel()
		return wsjson.Send(x.c, message{op.id, typeError, tooMany})
	}
	x.work.Go(func() {
		defer cancel()
		x.run(ctx, op, r)
		x.mu.Lock()
		defer x.mu.Unlock()
		x.running--
	})
	return nil
}

// run sends the results of an operation until it or ctx ends. A client that reads slowly makes it
// wait.
func (x *session) run(ctx context.Context, op *operation, r request) {
	end := message{ID: op.id, Type: typeComplete}
	results, err := x.Schema.Subscribe(ctx, *r.Query, r.OperationName, r.Variables)
	if err != nil {
		end.Type, end.Payload = typeError, notBegun
	}
	for err == nil {
		result, more := <-results
		if !more {
			break
		}
		m := message{ID: op.id, Type: typeNext}
		resp, _ := result.(*graphql.Response)
		if resp != nil && resp.Data == nil && len(resp.Errors) > 0 { // nothing was executed
			end.Type = typeError
			end.Payload, _ = json.Marshal(resp.Errors)
			break
		}
		if m.Payload, err = json.Marshal(result); err == nil {
			err = wsjson.Write(ctx, x.c, m)
		}
	}
	if x.end(op) {
		_ = wsjson.Write(ctx, x.c, end)
	}
}

// end forgets an operation, and reports whether it was still wanted. From then on its client may
// use the identifier again.
func (x *session) end(op *operation) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.active[op.id] != op {
		return false
	}
	delete(x.active, op.id)
	return true
}

// completed ends an operation that its client wants no longer. Which identifiers have ended, the
// client may not know yet, so that an unknown one is no fault.
func (x *session) completed(id string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if op := x.active[id]; op != nil {
		op.cancel()
		delete(x.active, id)
	}
}
