//go:build !js

package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/signal"
)

// main runs the client in a terminal.
func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: page ws://127.0.0.1:8080/echo")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	lines := make(chan string)
	go func() {
		defer close(lines)
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			lines <- in.Text()
		}
	}()
	c := &client{url: os.Args[1], lines: lines, show: func(line string) { fmt.Println(line) }}
	c.run(ctx)
}
