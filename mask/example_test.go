package mask_test

import (
	"encoding/binary"
	"fmt"

	"github.com/rfc6455/ws/mask"
)

// The masked frame of RFC 6455 section 5.7: a header, the four bytes of the key, and the payload.
func ExampleXOR() {
	frame := []byte{0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58}
	key, payload := binary.LittleEndian.Uint32(frame[2:]), frame[6:]

	mask.XOR(payload, key)
	fmt.Printf("%s\n", payload)
	// Output: Hello
}

// A payload that arrives in pieces is unmasked piece by piece.
func ExampleXOR_pieces() {
	key := binary.LittleEndian.Uint32([]byte{0x37, 0xfa, 0x21, 0x3d})
	for _, piece := range [][]byte{{0x7f}, {0x9f, 0x4d}, {0x51, 0x58}} {
		key = mask.XOR(piece, key)
		fmt.Printf("%s\n", piece)
	}
	// Output:
	// H
	// el
	// lo
}

// A client masks what it sends into a buffer of its own, so that its caller's bytes stay as they
// are.
func ExampleCopy() {
	message := []byte("Hello")
	key := []byte{0x37, 0xfa, 0x21, 0x3d}

	frame := make([]byte, 6+len(message))
	frame[0], frame[1] = 0x81, 0x80|byte(len(message))
	copy(frame[2:], key)
	mask.Copy(frame[6:], message, binary.LittleEndian.Uint32(key))
	fmt.Printf("% x\n%s\n", frame, message)
	// Output:
	// 81 85 37 fa 21 3d 7f 9f 4d 51 58
	// Hello
}
