module github.com/rfc6455/ws/conn/gorilla/compare

go 1.26.0

require (
	github.com/gorilla/websocket v1.5.3
	github.com/rfc6455/ws v0.0.0
)

replace github.com/rfc6455/ws => ../../..
