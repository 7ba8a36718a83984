package handshake_test

import (
	"errors"
	"fmt"
	"log"
	"net/http"
	"strings"

	"github.com/rfc6455/ws/handshake"
)

// A server that reads from a connection itself: bytes come in, bytes go out.
func Example() {
	policy := handshake.Policy{Subprotocols: []string{"superchat", "chat"}}
	answer := func(b []byte) []byte {
		r, _, err := handshake.ParseRequest(b)
		if err == nil {
			err = handshake.CheckRequest(r)
		}
		var a handshake.Accepted
		if err == nil {
			a, err = handshake.Respond(r, &policy)
		}
		if e := (*handshake.Error)(nil); errors.As(err, &e) {
			return e.AppendResponse(nil)
		}
		return a.AppendResponse(nil, r)
	}
	reply := answer([]byte("GET /chat HTTP/1.1\r\n" +
		"Host: server.example.com\r\n" +
		"Upgrade: websocket\r\n" +
		"Connection: Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
		"Origin: http://server.example.com\r\n" +
		"Sec-WebSocket-Protocol: chat, superchat\r\n" +
		"Sec-WebSocket-Version: 13\r\n\r\n"))
	fmt.Print(strings.ReplaceAll(string(reply), "\r", ""))
	// Output:
	// HTTP/1.1 101 Switching Protocols
	// Upgrade: websocket
	// Connection: Upgrade
	// Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=
	// Sec-WebSocket-Protocol: superchat
}

// The request that a client sends.
func ExampleOffer_AppendRequest() {
	u, err := handshake.ParseURL("wss://bücher.example/chat?room=1")
	if err != nil {
		log.Fatal(err)
	}
	offer := handshake.Offer{
		URL:          u,
		Key:          "dGhlIHNhbXBsZSBub25jZQ==", // handshake.NewKey()
		Subprotocols: []string{"chat"},
		Deflate:      &handshake.DeflateOffer{ClientMaxWindowBits: 15},
	}
	request, err := offer.AppendRequest(nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("dial", handshake.HostPort(u))
	fmt.Print(strings.ReplaceAll(string(request), "\r", ""))
	// Output:
	// dial xn--bcher-kva.example:443
	// GET /chat?room=1 HTTP/1.1
	// Host: xn--bcher-kva.example
	// Upgrade: websocket
	// Connection: Upgrade
	// Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
	// Sec-WebSocket-Version: 13
	// Sec-WebSocket-Protocol: chat
	// Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits
}

// The three ways in which a server decides who may connect.
func ExamplePolicy() {
	policy := handshake.Policy{
		Origins: []string{"https://app.example.com", "http://localhost:3000"},
		Check: func(r *handshake.Request) error {
			if _, err := r.Cookie("session"); err != nil {
				return &handshake.Error{
					Status: http.StatusUnauthorized, Field: "Cookie", Reason: "has no session: log in first",
					Extra: http.Header{"WWW-Authenticate": {"Bearer"}},
				}
			}
			return nil
		},
	}
	h := http.Header{"Origin": {"https://app.example.com"}}
	r := handshake.NewRequest(&http.Request{Method: "GET", Host: "api.example.com", Header: h})
	_, err := handshake.Respond(r, &policy)
	fmt.Println(err)
	h.Set("Origin", "https://evil.example.com")
	_, err = handshake.Respond(r, &policy)
	fmt.Println(err)
	// Output:
	// websocket: handshake: Cookie: has no session: log in first (status 401)
	// websocket: handshake: Origin: is not among those that may connect here (status 403)
}

func ExampleParseExtensions() {
	list, err := handshake.ParseExtensions([]string{
		`permessage-deflate; server_max_window_bits="10"; client_max_window_bits`,
		"permessage-deflate",
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range list {
		fmt.Printf("%s %q\n", e.Name, e.Params)
	}
	// Output:
	// permessage-deflate [{"server_max_window_bits" "10"} {"client_max_window_bits" ""}]
	// permessage-deflate []
}
