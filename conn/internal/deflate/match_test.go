package deflate

import (
	"bytes"
	"testing"
)

// TestMatcherBase checks that positions stay correct when their numbers come to an end: between
// texts and, after four gigabytes of one text, within it.
func TestMatcherBase(t *testing.T) {
	const last = 1<<32 - 3*blockMax
	c := new(compressor)
	for i, base := range []struct{ before, within uint32 }{
		{}, {before: 1<<31 - 1}, {before: 1 << 31}, {before: 1<<32 - 1}, {within: last}, {before: last},
	} {
		text := jsonText(uint64(i), 5*blockMax+7)
		c.base = max(c.base, base.before)
		c.begin(new(window), windowMax, len(text), 4*(i%2))
		if base.within != 0 {
			c.base = base.within
		}
		var w bitWriter
		for rest := text; len(rest) > 0; {
			block := rest[:min(len(rest), blockMax)]
			literals, sequences := c.block(block)
			c.write(&w, block, literals, sequences)
			rest = rest[len(block):]
		}
		c.finish()
		w.put(typeStored<<1, 3)
		w.align()
		var d Decoder
		if got, err := d.Append(nil, w.out, Last); err != nil || !bytes.Equal(got, text) {
			t.Fatalf("text %d: %d bytes, %v", i, len(got), err)
		}
		if len(w.out) > len(text)/3 {
			t.Errorf("text %d: %d bytes became %d", i, len(text), len(w.out))
		}
	}
}
