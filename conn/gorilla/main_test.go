package websocket_test

import (
	"testing"

	"github.com/rfc6455/ws/conn/internal/wstest"
)

func TestMain(m *testing.M) { wstest.Main(m, "rfc6455/ws/conn/gorilla.") }
