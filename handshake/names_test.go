package handshake

import "testing"

func TestWindowPolicyNames(t *testing.T) {
	for p, want := range map[WindowPolicy]string{
		WindowAccept: "accept", WindowDemand: "demand", WindowDecline: "decline", 3: "unknown",
	} {
		if got := p.String(); got != want {
			t.Errorf("WindowPolicy(%d) is named %q, want %q", p, got, want)
		}
	}
}
