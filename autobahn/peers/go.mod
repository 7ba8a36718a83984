// The peers are testees of other makers. They are a module of their own, so that
// nobody who uses this library gets them.
module github.com/rfc6455/ws/autobahn/peers

go 1.26.0

require (
	github.com/coder/websocket v1.8.15
	github.com/gorilla/websocket v1.5.3
	golang.org/x/net v0.58.0
)
