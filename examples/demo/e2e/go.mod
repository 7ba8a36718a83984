module github.com/rfc6455/ws/examples/demo/e2e

go 1.25.0

require (
	github.com/chromedp/chromedp v0.23.0
	github.com/rfc6455/ws v0.0.0
)

require (
	github.com/chromedp/cdproto v0.159.0 // indirect
	github.com/go-json-experiment/json v0.0.0-20260213210345-44df1a37e875 // indirect
	github.com/rfc6455/ws/autobahn/browsers v0.0.0
)

tool github.com/rfc6455/ws/examples/demo

replace github.com/rfc6455/ws => ../../..

replace github.com/rfc6455/ws/autobahn/browsers => ../../../autobahn/browsers
