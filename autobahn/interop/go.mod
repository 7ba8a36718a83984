// Tests against WebSocket libraries of other languages. They are a module of
// their own since they need Node and Python.
module github.com/rfc6455/ws/autobahn/interop

go 1.25.0

require github.com/rfc6455/ws v0.0.0

replace github.com/rfc6455/ws => ../..
