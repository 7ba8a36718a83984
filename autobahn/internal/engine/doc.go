// Package engine runs one case on one connection, and judges what the testee did.
//
// A [Script] says what a case does and what passes; package cases writes scripts. A [Tester]
// is the tester's end of a connection, with a protocol of its own: the order of frames, the
// closing handshake, UTF-8 and the DEFLATE format share nothing with what is tested. It does
// the script's steps, keeps a [Record] of all that happens, and gives a [Verdict].
//
// Package autobahn above decides which cases run, and where: it opens or accepts
// connections and calls [NewTester], [Tester.OpenClient] or [Tester.Response], and
// [Tester.Run]. Package report shows the records. This package calls neither.
package engine
