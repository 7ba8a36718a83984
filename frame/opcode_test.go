package frame_test

import (
	"testing"

	"github.com/rfc6455/ws/frame"
)

func TestRolePeer(t *testing.T) {
	for role, want := range map[frame.Role]frame.Role{frame.Server: frame.Client, frame.Client: frame.Server} {
		t.Run(role.String(), func(t *testing.T) {
			if got := role.Peer(); got != want {
				t.Errorf("Peer() = %v, want %v", got, want)
			}
		})
	}
}
