// Tests against other WebSocket libraries, browsers and proxies. They are a
// module of their own, so that nobody who uses this library gets the others.
module github.com/rfc6455/ws/autobahn/interop

go 1.25.0

require (
	github.com/coder/websocket v1.8.15
	github.com/gorilla/websocket v1.5.3
	github.com/lxzan/gws v1.8.9
	github.com/rfc6455/ws v0.0.0
	golang.org/x/net v0.58.0
)

require (
	github.com/dolthub/maphash v0.1.0 // indirect
	github.com/klauspost/compress v1.17.9 // indirect
	golang.org/x/text v0.41.0 // indirect
)

replace github.com/rfc6455/ws => ../..
