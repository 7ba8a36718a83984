module github.com/rfc6455/ws/examples/ssh

go 1.26.0

replace github.com/rfc6455/ws => ../..

require (
	github.com/rfc6455/ws v0.0.0
	golang.org/x/crypto v0.59.0
)

require golang.org/x/sys v0.50.0 // indirect
