package mask

import (
	"bytes"
	"testing"
)

// The masked "Hello" of RFC 6455 section 5.7.
func TestXOR(t *testing.T) {
	p := []byte{0x7f, 0x9f, 0x4d, 0x51, 0x58}
	key := XOR(p, 0x3d21fa37)
	if !bytes.Equal(p, []byte("Hello")) || key != 0x373d21fa {
		t.Errorf("got %q and key %#x", p, key)
	}
}
