package site

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/handshake"
)

// The demo's limits, in bytes.
const (
	echoLimit = 16 << 20 // the largest message that /echo takes
	chatLimit = 4 << 10  // the same for /chat
)

// demo is what the endpoints share.
type demo struct {
	open conn.Group // every connection, so that none is cut when the server ends
	room room

	http3 HTTP3 // nil: there is none
}

func newDemo() *demo { return &demo{} }

// routes returns the handler of the whole server. pages is the folder of the page below /go/; ""
// means none.
func (d *demo) routes(pages string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", page())
	if pages != "" {
		mux.Handle("/go/", http.StripPrefix("/go", static(os.DirFS(pages), policyOfGo)))
	}
	mux.Handle("/echo", countSockets(d.echo()))
	mux.Handle("/chat", countSockets(d.chat()))
	mux.Handle("/die", countSockets(d.die()))
	mux.HandleFunc("/over", over)
	mux.HandleFunc("/refuse", refuse)
	return mux
}

// echo sends each message back. A client may ask it to close: at once with the query
// "?close=4001&reason=bye", or later with the text "/close 4001 bye".
func (d *demo) echo() http.Handler {
	u := &conn.Upgrader{Config: conn.Config{
		MaxMessageSize: echoLimit, QueuePolicy: conn.QueueRefuse, Group: &d.open, // see echoMessage
		Compression: conn.Compression{Mode: conn.CompressionTakeover}, // of what was typed here: no secret is sent along
	}}
	u.Subprotocols = []string{"demo.v1", "demo.v2"}
	return u.Handler(&conn.Events{Open: closeByQuery, Message: echoMessage})
}

// closeByQuery does what "?close=code&reason=text" asks for.
func closeByQuery(c *conn.Conn, r *handshake.Request) {
	q := r.URL.Query()
	if q.Has("close") {
		closeAsAsked(c, q.Get("close"), q.Get("reason"))
	}
}

// echoMessage sends p back, or obeys "/close code reason".
func echoMessage(c *conn.Conn, t conn.MessageType, p []byte) {
	if t == conn.Text {
		if command, ok := strings.CutPrefix(string(p[:min(len(p), 200)]), "/close"); ok {
			code, reason, _ := strings.Cut(strings.TrimSpace(command), " ")
			closeAsAsked(c, code, reason)
			return
		}
	}
	// Append copies p and lets it leave when the reader is about to wait, so a burst of messages
	// goes back in few packets.
	err := c.Append(t, p)
	if errors.Is(err, conn.ErrQueueFull) {
		// More than Config.Queue waits for a slow reader, or p alone is larger. Waiting here lets
		// TCP slow the sender down.
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		err = c.Write(ctx, t, p)
	}
	if err != nil {
		c.CloseNow() // does nothing if the connection has ended, the usual cause
	}
}

// closeAsAsked closes with the code and reason that the client named. If they can't be sent, it
// tells the client so (RFC 6455 sections 7.4.1, 7.4.2, 5.5).
func closeAsAsked(c *conn.Conn, code, reason string) {
	n, err := strconv.ParseUint(code, 10, 16)
	if err == nil {
		err = c.Close(conn.CloseCode(n), reason) // ErrClosing, as this is a callback, unless it can't be sent
	} else {
		err = errors.New("demo: write /close, a number, a reason: /close 4001 bye")
	}
	if c.State() == conn.StateOpen {
		_ = c.Send(conn.Text, []byte(err.Error())) // if this fails, the connection has ended, as the Close event says
	}
}

// die cuts the connection, or over HTTP/2 the stream, at the first message, as a crashed server
// does. There is no Close frame, so the client sees 1006 (RFC 6455 section 7.1.5).
func (d *demo) die() http.Handler {
	u := &conn.Upgrader{Config: conn.Config{Group: &d.open}}
	return u.Handler(&conn.Events{
		Message: func(c *conn.Conn, _ conn.MessageType, _ []byte) { c.CloseNow() },
	})
}

// refuse answers the opening handshake with 403 (RFC 6455 section 4.2.2). The page sees an error
// event and then close with 1006, and never the status.
func refuse(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "demo: /refuse accepts nobody; connect to /echo or /chat instead", http.StatusForbidden)
}
