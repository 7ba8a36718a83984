package frame_test

import (
	"errors"
	"fmt"

	"github.com/rfc6455/ws/frame"
)

// A server decodes what a client has sent, in whatever pieces the transport delivers it.
func ExampleDecoder() {
	client := frame.Encoder{Role: frame.Client}
	sent, _ := client.AppendFrame(nil, frame.Header{Opcode: frame.Text, Key: 0x3d21fa37}, []byte("Hel"))
	sent, _ = client.AppendFrame(sent, frame.Header{Opcode: frame.Ping, Fin: true, Key: 0x11223344}, nil)
	sent, _ = client.AppendFrame(sent, frame.Header{Fin: true, Key: 0x55667788}, []byte("lo"))

	server := frame.Decoder{MaxMessage: 1 << 20}
	var message []byte
	for _, in := range [][]byte{sent[:4], sent[4:11], sent[11:]} {
		for {
			ev, n, err := server.Step(in)
			if err != nil {
				fmt.Println(err)
				return
			}
			if ev.Kind == frame.NeedData {
				break
			}
			in = in[n:]
			if ev.Kind == frame.Control {
				fmt.Println(ev.Opcode)
				continue
			}
			message = append(message, ev.Data...)
			if ev.Fin {
				fmt.Printf("message %q\n", message)
			}
		}
	}
	// Output:
	// ping
	// message "Hello"
}

// A broken rule is reported as a value that says how to fail the connection.
func ExampleError() {
	server := frame.Decoder{Role: frame.Server}
	_, _, err := server.Step([]byte{0x81, 0x02, 'h', 'i'})
	var rule *frame.Error
	if errors.As(err, &rule) {
		fmt.Println(err)
		fmt.Println(rule.Name(), "/ close with", rule.Code(), "/ RFC 6455 section", rule.Section())
	}
	// Output:
	// websocket: unmasked frame from a client: a client must mask every frame that it sends
	// mask-required / close with 1002 protocol error / RFC 6455 section 5.1
}

// A client masks what it sends and leaves the caller's bytes alone.
func ExampleEncoder() {
	e := frame.Encoder{Role: frame.Client}
	b, err := e.AppendFrame(nil, frame.Header{Opcode: frame.Text, Fin: true, Key: 0x3d21fa37}, []byte("Hello"))
	fmt.Printf("% x %v\n", b, err)
	_, err = e.AppendFrame(nil, frame.Header{Opcode: frame.Continuation, Fin: true}, nil)
	fmt.Println(err)
	// Output:
	// 81 85 37 fa 21 3d 7f 9f 4d 51 58 <nil>
	// websocket: continuation frame outside a message: begin a message with a text or binary frame
}

func ExampleParse() {
	b := []byte{0x82, 0x7e, 0x01, 0x00, 0xaa}
	_, n, err := frame.Parse(b[:3])
	fmt.Println(n, err)
	h, n, err := frame.Parse(b)
	fmt.Println(h.Opcode, h.Fin, h.Length, n, err)
	// Output:
	// 0 <nil>
	// binary true 256 4 <nil>
}

func ExampleAppendClose() {
	payload, err := frame.AppendClose(nil, frame.GoingAway, "maintenance")
	fmt.Printf("% x %v\n", payload, err)
	code, reason, err := frame.ParseClose(payload)
	fmt.Printf("%v, %q, %v\n", code, reason, err)
	_, err = frame.AppendClose(nil, frame.Abnormal, "")
	fmt.Println(err)
	// Output:
	// 03 e9 6d 61 69 6e 74 65 6e 61 6e 63 65 <nil>
	// 1001 going away, "maintenance", <nil>
	// websocket: close code that must not be sent: use 1000 to 1003, 1007 to 1014 or 3000 to 4999
}

// A code point may be cut in two. A byte that can't follow is refused at once.
func ExampleUTF8() {
	var u frame.UTF8
	fmt.Println(u.Write([]byte("\xe2\x82")), u.Done())
	fmt.Println(u.Write([]byte("\xac")), u.Done())
	fmt.Println(u.Write([]byte("\xf4\x90")), u.Done())
	// Output:
	// true false
	// true true
	// false false
}

// The peer closes and this endpoint answers. The closing handshake is complete then, and TCP is
// closed.
func ExampleNext() {
	s := frame.Open
	s, action := frame.Next(s, frame.ReceiveClose)
	fmt.Println(s, action == frame.ReplyClose)
	s, action = frame.Next(s, frame.CloseWritten)
	fmt.Println(s, action == frame.None)
	s, _ = frame.Next(s, frame.TransportClosed)
	fmt.Println(s)
	// Output:
	// close received true
	// closing true
	// closed
}
