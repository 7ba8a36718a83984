module github.com/gorilla/websocket

go 1.26.0

require github.com/rfc6455/ws v0.0.0

replace github.com/rfc6455/ws => ../../..
