package deflate

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"testing"
)

// TestZlib inflates what zlib has compressed with every strategy that it has, as one connection
// with context takeover. testdata/zlib.py made the file.
func TestZlib(t *testing.T) {
	data, err := os.ReadFile("testdata/zlib.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Body        string
		Pieces      [][2]int
		Connections []struct {
			Level    int
			Strategy string
			Bits     uint8
			Wires    []string
		}
	}
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	body, err := hex.DecodeString(vectors.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range vectors.Connections {
		t.Run(fmt.Sprintf("level %d, %s, %d bits", c.Level, c.Strategy, c.Bits), func(t *testing.T) {
			whole := Decoder{WindowBits: c.Bits, Takeover: true}
			pieces, reads := whole, whole
			for i, wire := range c.Wires {
				text := body[vectors.Pieces[i][0]:vectors.Pieces[i][1]]
				wire := unhex(wire)
				got, err := whole.Append(nil, wire, Last)
				if err != nil || !bytes.Equal(got, text) {
					t.Fatalf("message %d: %d of %d bytes, %v", i, len(got), len(text), err)
				}
				if got, err := appendPieces(&pieces, wire, 3); err != nil || !bytes.Equal(got, text) {
					t.Fatalf("message %d in pieces: %d of %d bytes, %v", i, len(got), len(text), err)
				}
				if got, err := readPieces(&reads, wire, 100, 33); err != nil || !bytes.Equal(got, text) {
					t.Fatalf("message %d read: %d of %d bytes, %v", i, len(got), len(text), err)
				}
			}
		})
	}
}
