// Package wstest holds what the tests of package conn are built on: an in-memory pair of
// [net.Conn], and a scripted peer that speaks RFC 6455 frame by frame, illegal frames included.
//
// Both work in real time and in a bubble of [testing/synctest]. They wait only on a [sync.Cond] or
// a timer, which a bubble counts as durably blocked. So [testing/synctest.Wait] and the fake clock
// work with them.
//
// The package imports frame's header codec and the standard library, and never conn. So conn's own
// tests can use it without an import cycle. Programs outside this module use conn/conntest, which
// wraps it.
package wstest
