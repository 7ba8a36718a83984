// Tests against other WebSocket libraries, browsers and proxies. They are a
// module of their own, so that nobody who uses this library gets the others.
module github.com/rfc6455/ws/autobahn/interop

go 1.26.0

require (
	github.com/coder/websocket v1.8.15
	github.com/gorilla/websocket v1.5.3
	github.com/lxzan/gws v1.8.9
	github.com/quic-go/quic-go v0.65.0
	github.com/rfc6455/ws v0.0.0
	github.com/rfc6455/ws/conn/h3 v0.0.0
)

require (
	github.com/dolthub/maphash v0.1.0 // indirect
	github.com/klauspost/compress v1.17.9 // indirect
	github.com/quic-go/qpack v0.6.0 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)

replace (
	github.com/rfc6455/ws => ../..
	github.com/rfc6455/ws/conn/h3 => ../../conn/h3
)
