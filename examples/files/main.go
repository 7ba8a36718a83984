// Command files sends files over a WebSocket, up and down, of any size: they are never in memory as
// a whole, a slow receiver slows the sender down, and a transfer that was cut goes on where it was.
// Each is checked by its SHA-256.
//
//	go run ./examples/files serve -dir /tmp/files
//	go run ./examples/files put big.iso
//	go run ./examples/files get big.iso
package main

import (
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

//go:embed page
var files embed.FS

func main() {
	log.SetFlags(0)
	flags := flag.NewFlagSet("files", flag.ExitOnError)
	addr := flags.String("addr", "127.0.0.1:8080", "the address of the server")
	dir := flags.String("dir", ".", "the directory of the server's files")
	most := flags.Int64("max", 10<<30, "how many bytes a file may have")
	if len(os.Args) < 2 {
		log.Fatal("usage: files serve, files put FILE, or files get NAME; files serve -h lists the flags")
	}
	_ = flags.Parse(os.Args[2:]) // it exits
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cl := client{url: "ws://" + *addr + "/ws", progress: bar}
	var err error
	switch name := flags.Arg(0); {
	case os.Args[1] == "serve" && flags.NArg() == 0:
		err = serve(ctx, *addr, *dir, *most)
	case os.Args[1] == "put" && flags.NArg() == 1:
		err = cl.put(ctx, name)
		fmt.Println()
	case os.Args[1] == "get" && flags.NArg() == 1:
		err = cl.get(ctx, name, filepath.Base(name))
		fmt.Println()
	default:
		err = errors.New("want serve, put FILE or get NAME")
	}
	if err != nil {
		log.Fatal(err)
	}
}

// bar draws a bar of 50 characters.
func bar(offset, size int64) {
	done := int64(50)
	if size > 0 {
		done = 50 * offset / size
	}
	fmt.Printf("\r[%-50s] %d of %d MiB", strings.Repeat("#", int(done)), offset>>20, size>>20)
}

// serve serves until ctx ends.
func serve(ctx context.Context, addr, dir string, most int64) error {
	s, err := newServer(dir, most)
	if err != nil {
		return err
	}
	defer s.root.Close()
	page, err := fs.Sub(files, "page")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServerFS(page))
	mux.Handle("/ws", s.handler())
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	done := make(chan error, 1)
	go func() {
		<-ctx.Done()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		done <- errors.Join(s.open.Shutdown(ctx), srv.Shutdown(ctx))
	}()
	fmt.Printf("serves http://%s/\n", l.Addr())
	if err := srv.Serve(l); err != http.ErrServerClosed {
		return err
	}
	return <-done
}
