package engine

import "testing"

func TestOpeningApply(t *testing.T) {
	const text = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n"
	h := &Opening{Edits: []Replacement{{"HTTP/1.1", "HTTP/1.0"}, {"Host:", ""}, {"Upgrade:", "Upgrade: x\r\nA: b\r\n"}}, After: "end"}
	if got, want := h.apply(text), "GET / HTTP/1.0\r\nUpgrade: x\r\nA: b\r\n\r\nend"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := (*Opening)(nil).apply(text); got != text {
		t.Errorf("without edits: %q", got)
	}
}
