package hub_test

import (
	"testing"

	"github.com/rfc6455/ws/conn/hub"
	"github.com/rfc6455/ws/conn/hub/internal/brokertest"
)

// TestMemoryContract: Memory does what Broker asks for.
func TestMemoryContract(t *testing.T) {
	m := &hub.Memory{Retention: hub.Retention{Messages: brokertest.Kept, Age: -1}}
	brokertest.Contract(t, m, m)
}

// TestMemorySequence: every message arrives once and in order, while nodes are killed.
func TestMemorySequence(t *testing.T) {
	m := &hub.Memory{Retention: hub.Retention{Messages: *brokertest.Messages + 10, Age: -1}}
	brokertest.Sequence(t, brokertest.Scenario{
		Start: func(int) (hub.Broker, func(), error) { return m, func() {}, nil },
	})
}
