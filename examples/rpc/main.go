// Command rpc is net/rpc over WebSocket. ws.Stream makes a net.Conn of a connection, and what runs
// over a net.Conn runs over that: net/rpc here, and likewise SSH, yamux or a database's protocol.
// Proxies and firewalls that let nothing but HTTP through let it pass.
//
//	go run ./examples/rpc serve
//	go run ./examples/rpc multiply 6 7
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/rpc"
	"os"
	"strconv"
	"time"

	ws "github.com/rfc6455/ws/conn"
)

const addr = "127.0.0.1:8080"

// Arith has the methods that can be called.
type Arith struct{}

// Args are the arguments of Multiply and Divide.
type Args struct{ A, B int }

// Multiply sets product to A times B.
func (Arith) Multiply(args Args, product *int) error {
	*product = args.A * args.B
	return nil
}

// Divide sets quotient to A divided by B.
func (Arith) Divide(args Args, quotient *int) error {
	if args.B == 0 {
		return errors.New("division by zero")
	}
	*quotient = args.A / args.B
	return nil
}

// handler serves calls. Each connection has a goroutine, and each call another.
func handler() (http.Handler, error) {
	server := rpc.NewServer()
	if err := server.Register(Arith{}); err != nil {
		return nil, err
	}
	var u ws.Upgrader
	return u.HandlerFunc(func(c *ws.Conn, _ *ws.Request) {
		server.ServeConn(ws.Stream(context.Background(), c, ws.Binary))
	}), nil
}

// dial returns a client for url. Its Close closes the connection.
func dial(ctx context.Context, url string) (*rpc.Client, error) {
	c, err := ws.Dial(ctx, url)
	if err != nil {
		return nil, err
	}
	return rpc.NewClient(ws.Stream(context.Background(), c, ws.Binary)), nil
}

func main() {
	log.SetFlags(0)
	switch {
	case len(os.Args) == 2 && os.Args[1] == "serve":
		h, err := handler()
		if err != nil {
			log.Fatal(err)
		}
		srv := &http.Server{Addr: addr, Handler: h, ReadHeaderTimeout: 5 * time.Second}
		log.Fatal(srv.ListenAndServe())
	case len(os.Args) == 4:
		if err := call(os.Args[1], os.Args[2], os.Args[3]); err != nil {
			log.Fatal(err)
		}
	default:
		log.Fatal("usage: rpc serve, rpc multiply A B, or rpc divide A B")
	}
}

func call(method, a, b string) error {
	var args Args
	var err1, err2 error
	args.A, err1 = strconv.Atoi(a)
	args.B, err2 = strconv.Atoi(b)
	name := map[string]string{"multiply": "Arith.Multiply", "divide": "Arith.Divide"}[method]
	if err := errors.Join(err1, err2); err != nil || name == "" {
		return errors.Join(errors.New("want multiply or divide, and two numbers"), err)
	}
	client, err := dial(context.Background(), "ws://"+addr)
	if err != nil {
		return err
	}
	defer client.Close()
	var result int
	if err := client.Call(name, args, &result); err != nil {
		return err
	}
	fmt.Println(result)
	return nil
}
