// Package conntest helps programs that use package conn to test themselves
// without a network, as net/http/httptest does for net/http.
//
// [Pair] returns the two ends of one connection, joined in memory after a real
// opening handshake. [New] returns one end and a [Peer], which does with the
// other end what the test says and nothing else: it sends frame by frame,
// illegal ones too, and compares what comes back.
//
// All of it works in a bubble of [testing/synctest], where timeouts pass in no
// time and Peer.WantNothing can tell that nothing was sent. What is made here
// is closed when the test ends.
package conntest
