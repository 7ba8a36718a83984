// Package conntest helps programs that use package conn to test themselves without a network, as
// net/http/httptest does for net/http.
//
// [Dial] serves an http.Handler in memory and connects to it. [Pair] returns the two ends of one
// connection, joined in memory after a real opening handshake. [New] returns one end and a [Peer],
// which does with the other end what the test says and nothing else: it sends frame by frame,
// illegal frames too, and compares what comes back.
//
// All of this works in a bubble of [testing/synctest], where timeouts pass in no time and
// [Peer.WantNothing] can tell that nothing was sent. Everything that this package makes is closed
// when the test ends. A callback that panics fails the test, unless the Config has a Trace with a
// Panic hook. In a bubble this also holds for the callbacks that run after the end of the test has
// cut the connections.
package conntest
