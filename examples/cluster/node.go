package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"

	"github.com/rfc6455/ws/conn/hub"
	"github.com/rfc6455/ws/conn/hub/nats"
)

// startTimeout bounds how long a node waits for the others when it starts.
const startTimeout = 2 * time.Minute

// runNode runs one node until ctx ends.
func runNode(ctx context.Context, i int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if *store != "" { // a child: it ends if its parent does
		go func() { _, _ = io.Copy(io.Discard, os.Stdin); cancel() }()
	}
	ns, err := startNATS(i)
	if err != nil {
		return err
	}
	defer ns.Shutdown()
	nc, err := natsgo.Connect("", natsgo.InProcessServer(ns), natsgo.MaxReconnects(-1))
	if err != nil {
		return err
	}
	defer nc.Close()
	b, err := makeBroker(ctx, nc)
	if err != nil {
		return err
	}
	defer b.Close()
	return serve(ctx, i, newChat(i, b))
}

// startNATS starts the node's NATS server, as a member of the cluster.
func startNATS(i int) (*server.Server, error) {
	var routes []*url.URL
	for k := range nodes {
		routes = append(routes, &url.URL{Scheme: "nats-route", Host: routeAddr(k)})
	}
	ns, err := server.NewServer(&server.Options{
		ServerName: "node-" + strconv.Itoa(i), NoSigs: true, NoLog: true,
		Host: "127.0.0.1", Port: server.RANDOM_PORT, // routes need that there is a port for clients
		JetStream: true, StoreDir: filepath.Join(*store, "node-"+strconv.Itoa(i)),
		Cluster: server.ClusterOpts{Name: "chat", Host: "127.0.0.1", Port: *port + nodes + i},
		Routes:  routes,
	})
	if err != nil {
		return nil, err
	}
	ns.Start()
	return ns, nil
}

// makeBroker waits until the cluster can store messages.
func makeBroker(ctx context.Context, nc *natsgo.Conn) (*nats.Broker, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		b, err := nats.New(attempt, nc, nats.Config{Name: "chat", Retention: hub.Retention{Messages: 1000}, Replicas: nodes})
		cancel()
		if err == nil {
			return b, nil
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return nil, fmt.Errorf("the NATS servers do not come together: %w", err)
		}
	}
}

// serve runs the node's web server.
func serve(ctx context.Context, i int, c *chat) error {
	srv := &http.Server{Addr: webAddr(i), Handler: c.handler(), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- srv.ListenAndServe() }()
	fmt.Printf("serves http://%s/\n", webAddr(i))
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(c.open.Shutdown(end), srv.Shutdown(end))
}
