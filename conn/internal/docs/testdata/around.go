// What a fragment in a document may use without declaring it.

package fragment

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"testing"

	ws "github.com/rfc6455/ws/conn"
)

var (
	ctx     context.Context
	c       *ws.Conn
	u       ws.Upgrader
	d       ws.Dialer
	group   ws.Group
	stats   ws.Stats
	ev      *ws.Events
	mux     *http.ServeMux
	server  *http.Server
	handler http.Handler
	config  *tls.Config
	logger  *slog.Logger
	t       *testing.T
	w       http.ResponseWriter
	r       *http.Request
	p       []byte
	text    []byte
)

// answer and take are callbacks of the reader's.
func answer(c *ws.Conn, t ws.MessageType, p []byte) {}
func take(c *ws.Conn, t ws.MessageType, p []byte)   {}
