// Command gopeers is a peer of the tests on another Go library, told by lines
// on its standard input what to do; see the README beside it.
//
//	gopeers gorilla
package main

import (
	"bufio"
	"fmt"
	"log"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
)

const (
	maxMessage  = 32 << 20
	subprotocol = "chat"
	piece       = 1000 // bytes of a fragment
)

// library is a peer's two roles. Both say how the connection opened and ended,
// with opened and closed.
type library struct {
	handler func(offer) http.Handler
	connect func(url string, o offer)
}

var libraries = map[string]library{
	"gorilla": {gorillaHandler, gorillaConnect},
	"coder":   {coderHandler, coderConnect},
	"gws":     {gwsHandler, gwsConnect},
}

// offer is what a command says about compression.
type offer struct {
	deflate                  bool
	serverBits, clientBits   int // 0: not said
	serverAlone, clientAlone bool
}

func parseOffer(words []string) (o offer) {
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		bits, _ := strconv.Atoi(value)
		switch name {
		case "deflate":
			o.deflate = true
		case "server_bits":
			o.serverBits = bits
		case "client_bits":
			o.clientBits = bits
		case "server_alone":
			o.serverAlone = true
		case "client_alone":
			o.clientAlone = true
		}
	}
	return o
}

func main() {
	log.SetFlags(0)
	l, ok := libraries[strings.Join(os.Args[1:], " ")]
	if !ok {
		log.Fatalf("%q is none of %v", os.Args[1:], slices.Sorted(maps.Keys(libraries)))
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		switch {
		case len(words) > 0 && words[0] == "serve":
			serve(l.handler(parseOffer(words[1:])))
		case len(words) > 1 && words[0] == "connect":
			go l.connect(words[1], parseOffer(words[2:]))
		default:
			log.Fatalf("no command: %q", lines.Text())
		}
	}
}

func serve(h http.Handler) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening", l.Addr().(*net.TCPAddr).Port)
	go http.Serve(l, h)
}

func opened(subprotocol string) { fmt.Println("open", subprotocol) }

func closed(code int, reason string) { fmt.Println("closed", code, reason) }

// failed reports what was no clean end.
func failed(err error) { fmt.Println("failed", strings.ReplaceAll(err.Error(), "\n", " ")) }

// command is what a text message asks for, beside its echo.
type command struct {
	name string // "", "fragments", "ping" or "close"
	arg  string // the payload of ping, the reason of close
	code int    // of close
}

func parseCommand(text []byte) command {
	name, arg, _ := strings.Cut(string(text[:min(len(text), 200)]), " ")
	switch name {
	case "/fragments":
		return command{name: "fragments"}
	case "/ping":
		return command{name: "ping", arg: arg}
	case "/close":
		number, reason, _ := strings.Cut(arg, " ")
		code, _ := strconv.Atoi(number)
		return command{name: "close", code: code, arg: reason}
	}
	return command{}
}
