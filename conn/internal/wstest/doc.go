// Package wstest holds what the tests of package conn stand on: an in-memory
// [net.Conn] pair and a scripted peer that speaks RFC 6455 frames one by one,
// illegal ones included.
//
// Both work in real time and in a bubble of [testing/synctest]. Every wait is
// on a [sync.Cond] or a timer, which a bubble counts as durably blocked, so
// [testing/synctest.Wait] and the fake clock see through them.
//
// The package imports frame's header codec and the standard library, never
// conn: conn's own tests can use it without an import cycle. Programs outside
// this module use conn/conntest, which wraps it.
package wstest
