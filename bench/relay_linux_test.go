//go:build !386 && !s390x

package bench

import (
	"net"

	"github.com/rfc6455/ws/bench/internal/bare"
)

func init() { bareProxy = passBySyscalls }

// passBySyscalls relays the bytes of each connection, the handshake's too, by package bare.
func passBySyscalls(ln net.Listener, backend string) error {
	q, err := bare.NewQueue()
	if err != nil {
		return err
	}
	go q.Run(64 << 10)
	for {
		accepted, err := ln.Accept()
		if err != nil {
			return err
		}
		dialed, err := net.Dial("tcp", backend)
		if err != nil {
			return err
		}
		client, err := bare.Take(accepted.(*net.TCPConn))
		if err != nil {
			return err
		}
		server, err := bare.Take(dialed.(*net.TCPConn))
		if err != nil {
			return err
		}
		if err := join(q, client, server); err != nil {
			return err
		}
		if err := join(q, server, client); err != nil {
			return err
		}
	}
}

// join passes on what a has to read, and what waits for a, whenever there is something of it.
func join(q *bare.Queue, a, b *bare.Socket) error {
	return q.Add(a, func(buf []byte) bool {
		ok := pass(a, b, buf) && pass(b, a, buf)
		if !ok {
			q.Close(b)
		}
		return ok
	})
}

// pass sends what was left for dst, and then what src has to read, until dst is full. It returns
// false at the end of the connection.
func pass(src, dst *bare.Socket, buf []byte) bool {
	if dst.Full() && !dst.Flush() {
		return false
	}
	for src.Readable() && !dst.Full() {
		n, ok := src.Read(buf)
		if !ok || !dst.Write(buf[:n]) {
			return false
		}
	}
	return true
}
