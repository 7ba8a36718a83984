module github.com/rfc6455/ws/conn/internal/deflate/zlibtest

go 1.26.0

require github.com/rfc6455/ws v0.0.0

replace github.com/rfc6455/ws => ../../../..
