package deflate

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// unhex returns the bytes of a string of hex digits and spaces.
func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// eachRole runs a test of a requirement for both roles, since the two directions of a connection
// use the same codec.
func eachRole(t *testing.T, id string, f func(t *testing.T)) {
	t.Helper()
	for _, role := range []string{"server", "client"} {
		t.Run(id+"/"+role, f)
	}
}

// jsonText returns n bytes that look like the messages of a JSON API: objects with the same keys,
// and with values that vary as such values do. The same seed gives the same bytes.
func jsonText(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 7692))
	words := strings.Fields("order price update account the quick message server client window queue alpha" +
		" delta user session limit buffer network status ok failed pending remote local")
	word := func() string { return words[r.IntN(len(words))] }
	text := []byte("[")
	for len(text) < n {
		text = fmt.Appendf(text, `{"id":%d,"type":"%s.%s","user":{"name":"%s%d","email":"%s%d@example.com","active":%t},`,
			1e6+r.IntN(1e6), word(), word(), word(), r.IntN(1000), word(), r.IntN(100), r.IntN(2) == 0)
		text = fmt.Appendf(text, `"price":%d.%04d,"quantity":%d,"time":"2026-%02d-%02dT%02d:%02d:%02d.%03dZ","tags":["%s","%s"],`,
			r.IntN(500), r.IntN(1e4), r.IntN(1e4), 1+r.IntN(12), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1000), word(), word())
		text = fmt.Appendf(text, `"token":"%016x","text":"%s %s %s %s %s %s"},`, r.Uint64(), word(), word(), word(), word(), word(), word())
	}
	return text[:n]
}

// noise returns n bytes that can't be compressed.
func noise(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1951))
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	return p
}

// samples has texts of many kinds, by name. Under the race detector, which makes the oracle very
// slow and has little to find here, it has only the small ones.
func samples() map[string][]byte {
	mixed := append(jsonText(3, 20000), noise(4, 20000)...)
	skewed := make([]byte, 0, 50000) // Fibonacci frequencies: the longest codes there are
	for a, b, c := 1, 1, byte(0); len(skewed) < 40000; a, b, c = b, a+b, c+1 {
		skewed = append(skewed, strings.Repeat(string(rune('A'+c)), a)...)
	}
	rand.New(rand.NewPCG(5, 5)).Shuffle(len(skewed), func(i, j int) { skewed[i], skewed[j] = skewed[j], skewed[i] })
	far := append(noise(6, 300), make([]byte, 32768-300)...)
	texts := map[string][]byte{
		"empty":     nil,
		"one":       {'a'},
		"two":       {'a', 'a'},
		"Hello":     []byte("Hello"),
		"zeros 9":   make([]byte, 9),
		"zeros 258": make([]byte, 258),
		"zeros 259": make([]byte, 259),
		"zeros 260": make([]byte, 260),
		"zeros 1M":  make([]byte, 1<<20),
		"pairs":     []byte(strings.Repeat("ab", 5000)),
		"sevens":    []byte(strings.Repeat("abcdefg", 5000)),
		"json 64":   jsonText(1, 64),
		"json 1K":   jsonText(1, 1<<10),
		"json 32K":  jsonText(1, 1<<15),
		"json 32K+": jsonText(1, 1<<15+1),
		"json 300K": jsonText(1, 300000),
		"noise 1":   noise(1, 1),
		"noise 100": noise(1, 100),
		"noise 70K": noise(1, 70000),
		"mixed":     mixed,
		"skewed":    skewed,
		"far":       append(far, far[:300]...),
	}
	for name, text := range texts {
		if raceEnabled && len(text) > 1<<11 {
			delete(texts, name)
		}
	}
	return texts
}
