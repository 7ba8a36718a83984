// Command soak puts this module under load for ten minutes and looks for what grows, what is left
// behind and what is lost.
//
//	go run ./bench/soak                                     # ten minutes
//	go run ./bench/soak -time 30s -conns 2000 -churn 300    # a quick look
//
// A server process and a client process, both of this program, hold 10,000 connections between
// them. One in a hundred is active, another hundred each second, and the others wait. Besides
// these, 2,000 connections a second come, exchange a few messages and go. They take turns in how
// they are served: through net/http with callbacks, through net/http with a loop of reads, through
// Upgrader.UpgradeNet, compressed, and over TLS. They also take turns in how they end: by the
// client's Close, by the server's, by a cut, and by a cut in the middle of a message.
//
// Every message has the number of its connection, a sequence number and a checksum, which both
// sides check. Whoever closes says in the Close frame's reason how many messages there were. In the
// end the two sides must have counted the same connections, messages and ends.
//
// The program fails, with exit status 1, if a message is lost, changed or out of place; if an
// unexpected error comes; if memory grows; if a descriptor or a goroutine is left when all
// connections have ended; or if less than half the churn happened, because the machine has no time
// for it. It uses loopback alone, and stops by itself.
//
// The program needs Linux, for /proc, and a hard limit of descriptors that allows the connections:
// ulimit -Hn.
package main
