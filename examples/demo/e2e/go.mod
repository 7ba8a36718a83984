module github.com/rfc6455/ws/examples/demo/e2e

go 1.26.0

require (
	github.com/chromedp/chromedp v0.23.0
	github.com/rfc6455/ws v0.0.0
)

require (
	github.com/quic-go/qpack v0.6.0 // indirect
	github.com/quic-go/quic-go v0.65.0 // indirect
	github.com/rfc6455/ws/conn/h3 v0.0.0 // indirect
	github.com/rfc6455/ws/examples/demo/http3 v0.0.0 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)

require (
	github.com/chromedp/cdproto v0.159.0 // indirect
	github.com/go-json-experiment/json v0.0.0-20260213210345-44df1a37e875 // indirect
	github.com/rfc6455/ws/autobahn/browsers v0.0.0
)

tool (
	github.com/rfc6455/ws/examples/chat
	github.com/rfc6455/ws/examples/demo
	github.com/rfc6455/ws/examples/demo/http3
	github.com/rfc6455/ws/examples/files
)

replace github.com/rfc6455/ws => ../../..

replace github.com/rfc6455/ws/conn/h3 => ../../../conn/h3

replace github.com/rfc6455/ws/examples/demo/http3 => ../http3

replace github.com/rfc6455/ws/autobahn/browsers => ../../../autobahn/browsers
