package main

import (
	"context"
	"net/http/httptest"
	"net/rpc"
	"strings"
	"sync"
	"testing"
)

// TestCalls calls concurrently over one connection, and gets errors of methods.
func TestCalls(t *testing.T) {
	h, err := handler()
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	defer srv.Close()
	client, err := dial(context.Background(), strings.Replace(srv.URL, "http", "ws", 1))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			var got int
			if err := client.Call("Arith.Multiply", Args{i, 7}, &got); err != nil || got != 7*i {
				t.Errorf("%d times 7: %d, %v", i, got, err)
			}
		})
	}
	wg.Wait()
	if err := client.Call("Arith.Divide", Args{1, 0}, new(int)); err == nil || err.Error() != "division by zero" {
		t.Errorf("1 divided by 0: %v, want the method's error", err)
	}
	if err := client.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
	if err := client.Call("Arith.Multiply", Args{1, 1}, new(int)); err != rpc.ErrShutdown {
		t.Errorf("a call after Close: %v, want ErrShutdown", err)
	}
}
