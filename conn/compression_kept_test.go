package conn

import (
	"io"
	"net"
	"testing"

	"github.com/rfc6455/ws/conn/internal/deflate"
	"github.com/rfc6455/ws/frame"
)

// TestHeapPerBegunMessage: a message of 1 MiB that was sent as 1 KB, and then one byte
// of the next, hold no megabyte. What the next one will need is not known.
func TestHeapPerBegunMessage(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector changes sizes")
	}
	onOneProcessor(t)
	const conns, most = 10, 160 << 10
	for name, read := range map[string]func(c *Conn, got chan<- int){
		"Serve": func(c *Conn, got chan<- int) {
			_ = c.Serve(bg, &Events{Message: func(_ *Conn, _ MessageType, p []byte) { got <- len(p) }})
		},
		"Read": func(c *Conn, got chan<- int) {
			for {
				_, p, err := c.Read(bg)
				if err != nil {
					return
				}
				got <- len(p)
			}
		},
		"ReadInto": func(c *Conn, got chan<- int) {
			for {
				_, p, err := c.ReadInto(bg, nil)
				if err != nil {
					return
				}
				got <- len(p)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			heapPerBegun(conns, read) // what belongs to the process
			if heap := heapPerBegun(conns, read); heap > most {
				t.Errorf("a connection with a message begun holds %d bytes of heap, want at most %d", heap, most)
			} else {
				t.Logf("a connection with a message begun holds %d bytes of heap", heap)
			}
		})
	}
}

// heapPerBegun is the heap that each of n connections holds then.
func heapPerBegun(n int, read func(c *Conn, got chan<- int)) int {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	defer ln.Close()
	deflater := deflate.Encoder{WindowBits: 15, Level: 9}
	zeros := deflater.Append(nil, make([]byte, 1<<20), deflate.Last)
	whole := frame.Append(nil, frame.Header{Opcode: frame.Binary, Fin: true, RSV: frame.RSV1, Masked: true, Length: int64(len(zeros))})
	whole = append(whole, zeros...)
	begun := frame.Append(nil, frame.Header{Opcode: frame.Binary, RSV: frame.RSV1, Masked: true, Length: 1})
	begun = append(begun, zeros[0])
	begun = frame.Append(begun, frame.Header{Opcode: frame.Ping, Fin: true, Masked: true})
	before := heapNow()
	for range n {
		peer, err := net.Dial("tcp", ln.Addr().String())
		check(err)
		accepted, err := ln.Accept()
		check(err)
		c := newConn(accepted, frame.Server, Negotiated{Deflate: deflated(15)}, &takeover)
		got := make(chan int)
		go read(c, got)
		_, err = peer.Write(whole)
		check(err)
		if size := <-got; size != 1<<20 {
			panic(size)
		}
		_, err = peer.Write(begun)
		check(err)
		_, err = io.ReadFull(peer, make([]byte, 2)) // the pong: all was seen
		check(err)
		defer peer.Close()
		defer c.CloseNow()
	}
	return (heapNow() - before) / n
}
