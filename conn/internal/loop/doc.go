// Package loop waits for many sockets without a goroutine for each.
//
// A [Loop] has a poller for each processor. A poller has a descriptor of the kernel's, which tells
// about readiness: epoll(7) on Linux, kqueue(2) on macOS and the BSDs. On Linux that descriptor is
// itself waited for by Go's own poller, so that no thread blocks. A poller's goroutine runs while
// the poller has sockets.
//
// A socket is registered once, edge-triggered, for both directions. Each event makes the poller
// call the socket's [Reader] or [Writer], which go on until the socket has no more to give or takes
// no more. A poller never calls for one socket twice at a time. An event that comes during a call
// makes it call again.
//
// # Who may block
//
// A Reader may block, since it calls the callbacks of a program. The goroutine that looks at a
// poller's events then stops being the poller's. A timer notices that, which is set only while a
// poller works: if it finds the same call twice, a millisecond apart, it starts another goroutine,
// which goes on with the other sockets. The first one ends after its call. So there are as many
// goroutines as there are calls that block, and one more.
//
// # Descriptors
//
// The kernel gives the number of a descriptor that is closed to the next socket. So a [Socket]
// counts who uses its descriptor, and the last one closes it. An event has the socket's place in a
// table and how often that place was used before. A late event of a socket that is gone finds that
// this number has changed.
//
// # Ends
//
// A [Hangups] is for sockets that Go's own poller waits for. It tells their readers of the end.
package loop
