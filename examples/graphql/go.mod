module github.com/rfc6455/ws/examples/graphql

go 1.26.0

replace github.com/rfc6455/ws => ../..

require (
	github.com/graph-gophers/graphql-go v1.11.1
	github.com/rfc6455/ws v0.0.0
)
