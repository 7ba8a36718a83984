// Command ticker is a server of prices, and a client that follows some of them whatever happens to
// its connection. Restart the server while the client runs.
//
//	go run ./examples/ticker serve
//	go run ./examples/ticker watch GOLD TIN
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
)

const addr = "127.0.0.1:8080"

func main() {
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch {
	case len(os.Args) == 2 && os.Args[1] == "serve":
		err = serve(ctx)
	case len(os.Args) > 2 && os.Args[1] == "watch":
		w := watcher{
			url: "ws://" + addr, symbols: os.Args[2:],
			price: func(q quote) { fmt.Printf("%s %d.%02d\n", q.Symbol, q.Cents/100, q.Cents%100) },
			gap: func(symbol string, missed uint64) {
				if missed == 0 {
					fmt.Println(symbol, "prices were missed: the server has begun anew")
				} else {
					fmt.Println(symbol, missed, "prices were missed")
				}
			},
			failed: func(err error) { log.Print(err) },
		}
		if err = w.run(ctx); ctx.Err() != nil {
			err = nil // it was told to end
		}
	default:
		err = errors.New("usage: ticker serve, or ticker watch SYMBOL...: GOLD, SILVER or TIN")
	}
	if err != nil {
		log.Fatal(err)
	}
}

// serve serves until ctx ends.
func serve(ctx context.Context) error {
	m := newMarket("GOLD", "SILVER", "TIN")
	go m.run(ctx, time.Second)
	srv := &http.Server{Addr: addr, Handler: m.handler(), ReadHeaderTimeout: 5 * time.Second}
	done := make(chan error, 1)
	go func() {
		<-ctx.Done()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		done <- errors.Join(m.open.Shutdown(ctx), srv.Shutdown(ctx))
	}()
	if err := srv.ListenAndServe(); err != http.ErrServerClosed {
		return err
	}
	return <-done
}
