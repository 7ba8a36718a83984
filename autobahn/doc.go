// Package autobahn proves the conformance of WebSocket endpoints.
//
// It knows the 517 cases of the Autobahn|Testsuite by their identifiers, reads
// and writes that suite's reports, and compares what was observed with what is
// expected ([Expectations]). The genuine suite is run by the command
// autobahn/cmd/genuine.
package autobahn
