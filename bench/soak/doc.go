// Command soak holds this module under load for ten minutes and looks for what
// grows, what is left behind and what is lost.
//
//	go run ./bench/soak                                     # ten minutes
//	go run ./bench/soak -time 30s -conns 2000 -churn 300    # a quick look
//
// A server process and a client process, both of this program, hold 10,000
// connections between them. One in a hundred is active, another hundred each
// second; the others wait. Beside these, 2,000 connections a second come, exchange
// a few messages and go. They take turns in how they are served: through net/http with
// callbacks, through net/http with a loop of reads, through Upgrader.UpgradeNet,
// compressed, and over TLS; and in how they end: by the client's Close, by the
// server's, by a cut, and by a cut in the midst of a message.
//
// Every message has the number of its connection, a sequence number and a
// checksum, which both sides check; whoever closes says in the Close frame's
// reason how many there were. In the end the two sides must have counted the same
// connections, messages and ends.
//
// It fails, with exit status 1, where a message is lost, changed or out of place; an
// error comes that should not; memory grows; a descriptor or a goroutine is left
// when all connections have ended; or less than half the churn came about, on a
// machine that has no time for it. It uses loopback alone, and stops by itself.
//
// It needs Linux, for /proc, and a hard limit of descriptors that holds the
// connections: ulimit -Hn.
package main
