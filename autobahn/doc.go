// Package autobahn tests WebSocket endpoints for conformance.
//
// It is a suite of its own, in Go, with the 517 cases of the Autobahn|Testsuite
// ([Catalogue]) and what these leave out ([BeyondServers], [BeyondClients]). [Client] is the
// fuzzing client, which tests servers that echo. [Server] is the fuzzing server, which tests
// clients that echo. Both send what that suite sends, on the same endpoints, judge as it
// judges, and write its reports ([Report]). The command autobahn/cmd/wsconform is a program
// that does all of it.
//
// A tester must not share the state machine that it tests. So this package takes nothing
// from its own module but how a frame header is put into bytes. The order of frames, the
// closing handshake, UTF-8 and the DEFLATE format are its own.
//
// The genuine suite is a Python 2.7 program, which autobahn/cmd/genuine runs. An
// [Expectations] file says what is expected of an implementation.
//
// Three packages below this one do the work, and Client and Server call them: cases has the
// catalogues, engine runs a case on a connection and judges it, and report keeps and writes
// what came of it.
package autobahn
