// Command mqtt publishes and subscribes with MQTT 5 over a WebSocket, and is a gateway for brokers
// that speak MQTT over TCP alone.
//
//	go run . gateway 127.0.0.1:8080 127.0.0.1:1883
//	go run . subscribe ws://127.0.0.1:8080/ 'home/#'
//	go run . publish ws://127.0.0.1:8080/ home/door open
//
// MQTT is a stream of bytes: MQTT 5 section 6 puts it into Binary messages and gives their
// boundaries no meaning. That is what ws.Stream does, so that the client, Paho, needs no more than
// a function that dials.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"
)

func main() {
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 3 && args[0] == "gateway":
		return serve(ctx, args[1], gateway(args[2]))
	case len(args) == 3 && args[0] == "subscribe":
		return subscribe(ctx, args[1], args[2], func(p *paho.Publish) {
			fmt.Printf("%s %q\n", p.Topic, p.Payload)
		})
	case len(args) == 4 && args[0] == "publish":
		p := &paho.Publish{Topic: args[2], Payload: []byte(args[3]), QoS: 1}
		return publish(ctx, args[1], p)
	}
	return errors.New("usage: mqtt gateway ADDR BROKER, mqtt subscribe URL TOPIC, " +
		"or mqtt publish URL TOPIC TEXT")
}

// serve serves h on addr until ctx ends.
func serve(ctx context.Context, addr string, h http.Handler) error {
	srv := &http.Server{Addr: addr, Handler: h, ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.ListenAndServe(); ctx.Err() == nil {
		return err
	}
	return nil
}

// subscribe calls got with each message of a topic until ctx ends. Topics may have wildcards.
func subscribe(ctx context.Context, url, topic string, got func(*paho.Publish)) error {
	client, err := connect(ctx, url, func(client *autopaho.ConnectionManager) {
		_, err := client.Subscribe(ctx, &paho.Subscribe{
			Subscriptions: []paho.SubscribeOptions{{Topic: topic, QoS: 1}},
		})
		if err != nil && ctx.Err() == nil {
			log.Printf("subscribe to %s: %v", topic, err)
		}
	}, got)
	if err != nil {
		return err
	}
	<-client.Done()
	return nil
}

// publish sends one message and returns when the broker has it.
func publish(ctx context.Context, url string, p *paho.Publish) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	client, err := connect(ctx, url, nil, nil)
	if err != nil {
		return err
	}
	if err := client.AwaitConnection(ctx); err != nil {
		return err
	}
	if _, err := client.Publish(ctx, p); err != nil {
		return err
	}
	return client.Disconnect(ctx)
}
