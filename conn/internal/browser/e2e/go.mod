// Tests in Chromium and in Node.js. They are a module of their own since they need chromedp.
module github.com/rfc6455/ws/conn/internal/browser/e2e

go 1.26.0

require (
	github.com/chromedp/chromedp v0.23.0
	github.com/rfc6455/ws v0.0.0
)

require (
	github.com/chromedp/cdproto v0.159.0 // indirect
	github.com/go-json-experiment/json v0.0.0-20260213210345-44df1a37e875 // indirect
)

replace github.com/rfc6455/ws => ../../../..
