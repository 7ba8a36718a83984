// Package autobahn tests WebSocket endpoints for conformance.
//
// It is a suite of its own, in Go, with the 517 cases of the Autobahn|Testsuite:
// [Client] is the fuzzing client, which tests servers that echo, and [Server] the
// fuzzing server, which tests clients that do. Both send what that suite sends, on
// the same endpoints, judge as it judges, and write its reports ([Report]). The
// command autobahn/cmd/wsconform makes a program of it.
//
// A tester must not share the state machine that it tests. So this package takes
// from its own module nothing but how a frame header is put into bytes. The order of
// frames, the closing handshake, UTF-8 and the DEFLATE format are its own.
//
// The genuine suite is a Python 2.7 program, which autobahn/cmd/genuine runs. What
// is expected of an implementation is in an [Expectations] file.
package autobahn
