module github.com/rfc6455/ws/examples/mqtt

go 1.26.0

replace github.com/rfc6455/ws => ../..

require github.com/rfc6455/ws v0.0.0

require (
	github.com/eclipse/paho.golang v0.23.0
	github.com/gorilla/websocket v1.5.3 // indirect
	golang.org/x/net v0.62.0 // indirect
)
