package relay_test

import (
	"context"
	"errors"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/signal"
	"time"

	"github.com/rfc6455/ws/conn/relay"
)

// A reverse proxy whose clients may come over HTTP/2, in front of a server that speaks HTTP/1.1
// alone. The main package also imports conn/xconnect, so that net/http takes such clients.
func ExampleProxy() {
	backend, _ := url.Parse("http://127.0.0.1:9000")
	rewrite := func(r *httputil.ProxyRequest) {
		r.SetURL(backend)
		r.SetXForwarded()
		r.Out.Host = r.In.Host // the backend compares the browser's Origin with it
	}
	proxy := &relay.Proxy{
		Rewrite: rewrite,
		Other:   &httputil.ReverseProxy{Rewrite: rewrite}, // what asks for no WebSocket
		Ended: func(r *http.Request, e relay.End) {
			log.Printf("%s %s: client %v, backend %v %v", r.RemoteAddr, r.URL.Path, e.Client.Code, e.Backend.Code, e.Err)
		},
	}
	srv := &http.Server{Addr: ":8443", Handler: proxy, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		stop, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
		defer cancel()
		<-stop.Done()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = proxy.Shutdown(ctx) // both sides of each WebSocket get 1001
		_ = srv.Shutdown(ctx)
	}()
	if err := srv.ListenAndServeTLS("cert.pem", "key.pem"); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
}

// Messages are looked at, and some are not passed on.
func ExampleMessages() {
	backend, _ := url.Parse("http://127.0.0.1:9000")
	proxy := &relay.Proxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(backend) },
		Messages: &relay.Messages{Inspect: func(m *relay.Message) error {
			if m.FromClient && len(m.Data) > 10_000 {
				return relay.ErrDrop
			}
			return nil
		}},
	}
	http.Handle("/chat", proxy)
}
