package jsonrpc

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"sync"
	"testing"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/conntest"
)

// serve answers the calls of the tests: add adds two numbers, wait waits for its end, fail fails.
func serve(began, ended chan struct{}) Handler {
	return func(ctx context.Context, method string, params json.RawMessage) (any, error) {
		switch method {
		case "add":
			var n [2]int
			if json.Unmarshal(params, &n) != nil {
				return nil, ErrParams
			}
			return n[0] + n[1], nil
		case "wait":
			began <- struct{}{}
			<-ctx.Done()
			ended <- struct{}{}
			return nil, ctx.Err()
		case "fail":
			return nil, errors.New("a secret")
		}
		return nil, ErrMethod
	}
}

// pair returns a client whose server answers, and what its run returns.
func pair(t *testing.T, handle Handler) (client *Peer, server *ws.Conn, ended chan error) {
	s, c := conntest.Pair(t, ws.Config{}, ws.Config{})
	client = New(c, nil)
	ended = make(chan error, 1)
	go New(s, handle).Run(context.Background())
	go func() { ended <- client.Run(context.Background()) }()
	return client, s, ended
}

// TestConcurrentCalls: each of many calls gets its own answer.
func TestConcurrentCalls(t *testing.T) {
	p, _, _ := pair(t, serve(nil, nil))
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			var sum int
			if err := p.Call(context.Background(), "add", []int{i, 1000}, &sum); err != nil || sum != i+1000 {
				t.Errorf("add %d and 1000: %d, %v", i, sum, err)
			}
		})
	}
	wg.Wait()
}

// TestCancel: the end of ctx ends the call on both sides, and the connection goes on.
func TestCancel(t *testing.T) {
	began, ended := make(chan struct{}), make(chan struct{})
	p, _, _ := pair(t, serve(began, ended))
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error)
	go func() { result <- p.Call(ctx, "wait", nil, nil) }()
	<-began
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("Call = %v, want that it was cancelled", err)
	}
	<-ended // the handler
	var sum int
	if err := p.Call(context.Background(), "add", []int{1, 2}, &sum); err != nil || sum != 3 {
		t.Errorf("the next call: %d, %v", sum, err)
	}
}

func TestErrors(t *testing.T) {
	p, _, _ := pair(t, serve(nil, nil))
	for method, want := range map[string]*Error{"nothing": ErrMethod, "fail": ErrInternal, "add": ErrParams} {
		err := p.Call(context.Background(), method, "no numbers", nil)
		if e, ok := errors.AsType[*Error](err); !ok || *e != *want {
			t.Errorf("%s: %v, want %v", method, err, want)
		}
	}
}

// TestBadDocument: what is no JSON gets an answer that says so, and the next call its own.
func TestBadDocument(t *testing.T) {
	ctx := context.Background()
	s, c := conntest.Pair(t, ws.Config{}, ws.Config{})
	go New(s, serve(nil, nil)).Run(ctx)
	for in, want := range map[string]string{
		`{"jsonrpc":`: `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"parse error"}}`,
		`{}`:          `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request"}}`,
		`{"jsonrpc":"2.0","id":"a","method":"add","params":[1,2]}`: `{"jsonrpc":"2.0","id":"a","result":3}`,
	} {
		if err := c.Write(ctx, ws.Text, []byte(in)); err != nil {
			t.Fatal(err)
		}
		if _, p, err := c.Read(ctx); err != nil || string(p) != want {
			t.Errorf("%s: %s, %v, want %s", in, p, err, want)
		}
	}
}

// TestEnd: the end of the connection ends calls on both sides.
func TestEnd(t *testing.T) {
	began, ended := make(chan struct{}), make(chan struct{})
	p, server, run := pair(t, serve(began, ended))
	result := make(chan error)
	go func() { result <- p.Call(context.Background(), "wait", nil, nil) }()
	<-began
	_ = server.CloseNow()
	<-ended
	if err := <-result; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Call = %v, want the connection's end", err)
	}
	if err := <-run; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Run = %v, want the connection's end", err)
	}
}
