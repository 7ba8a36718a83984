// Command ssh forwards TCP connections through SSH over a WebSocket, for networks from which nothing
// but HTTPS leads out. One WebSocket carries all connections; SSH says who is at either end.
//
//	go run . serve 127.0.0.1:8080 host_key authorized_keys 127.0.0.1:5432
//	go run . forward ws://127.0.0.1:8080/ id_ed25519 known_hosts 127.0.0.1:15432 127.0.0.1:5432
//	psql -h 127.0.0.1 -p 15432
//
// OpenSSH's client can do the same over "pipe":
//
//	ssh -N -L 15432:127.0.0.1:5432 -o ProxyCommand='go run . pipe ws://%h:%p/' -p 8080 127.0.0.1
//
// The files are those of OpenSSH: ssh-keygen makes host_key and id_ed25519. A public URL is a wss
// one.
package main

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	ws "github.com/rfc6455/ws/conn"
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
	case len(args) >= 4 && args[0] == "serve":
		return serve(args[1], args[2], args[3], args[4:])
	case len(args) == 6 && args[0] == "forward":
		l, err := net.Listen("tcp", args[4])
		if err != nil {
			return err
		}
		return forward(ctx, args[1], args[2], args[3], l, args[5])
	case len(args) == 2 && args[0] == "pipe":
		return pipe(ctx, args[1], os.Stdin, os.Stdout)
	}
	return errors.New("usage: ssh serve ADDR HOST_KEY AUTHORIZED_KEYS TARGET..., " +
		"ssh forward URL KEY KNOWN_HOSTS LISTEN TARGET, or ssh pipe URL")
}

// readKey reads a private key.
func readKey(file string) (ssh.Signer, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return ssh.ParsePrivateKey(text)
}

// serve serves on addr. targets are the addresses to which clients may connect.
func serve(addr, hostKey, authorizedKeys string, targets []string) error {
	key, err := readKey(hostKey)
	if err != nil {
		return err
	}
	authorized, err := os.ReadFile(authorizedKeys)
	if err != nil {
		return err
	}
	s, err := newServer(key, authorized, targets)
	if err != nil {
		return err
	}
	srv := &http.Server{Addr: addr, Handler: s.handler(), ReadHeaderTimeout: 5 * time.Second}
	return srv.ListenAndServe()
}

// forward leads the connections of l to the target, until ctx or the connection to the server ends.
// Then it closes l.
func forward(ctx context.Context, url, key, knownHosts string, l net.Listener, target string) error {
	defer l.Close()
	signer, err := readKey(key)
	if err != nil {
		return err
	}
	check, err := knownhosts.New(knownHosts)
	if err != nil {
		return err
	}
	client, err := dial(ctx, url, signer, check)
	if err != nil {
		return err
	}
	defer client.Close()
	defer context.AfterFunc(ctx, func() { l.Close() })()
	go func() {
		_ = client.Wait()
		l.Close()
	}()
	log.Printf("%v leads to %s", l.Addr(), target)
	for {
		local, err := l.Accept()
		if err != nil {
			return nil // the end
		}
		go func() {
			remote, err := client.Dial("tcp", target)
			if err != nil {
				log.Printf("%s: %v", target, err)
				local.Close()
				return
			}
			join(local.(stream), remote.(stream))
		}()
	}
}

// pipe joins a WebSocket with this process's input and output. It is OpenSSH's ProxyCommand.
func pipe(ctx context.Context, url string, in io.Reader, out io.Writer) error {
	c, err := ws.Dial(ctx, url)
	if err != nil {
		return err
	}
	s := ws.Stream(ctx, c, ws.Binary)
	defer s.Close()
	go func() {
		_, _ = io.Copy(s, in)
		_ = s.Close()
	}()
	_, err = io.Copy(out, s)
	if end, ok := errors.AsType[*ws.CloseError](err); ok && end.Clean() {
		return nil // in has ended first
	}
	return err
}
