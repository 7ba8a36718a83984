package deflate

import (
	"fmt"
	"math/rand/v2"
)

// jsonText returns n bytes that look like the messages of a JSON API, the same
// ones for the same seed: objects with the same keys and values that vary as
// such values do.
func jsonText(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 7692))
	words := []string{"order", "price", "update", "account", "the", "quick", "message", "server", "client", "window", "queue", "alpha", "delta", "user", "session", "limit", "buffer", "network", "status", "ok", "failed", "pending", "remote", "local"}
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
