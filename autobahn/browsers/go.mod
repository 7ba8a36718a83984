// Tests in Firefox. They are a module of their own since they need it.
module github.com/rfc6455/ws/autobahn/browsers

go 1.26.0

require github.com/rfc6455/ws v0.0.0

replace github.com/rfc6455/ws => ../..
