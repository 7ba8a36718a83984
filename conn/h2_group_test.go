package conn

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"

	"github.com/rfc6455/ws/handshake"
)

// TestH2Group shuts down a Group whose connections are streams of one HTTP/2
// connection: all get their 1001, and who comes later a 503.
func TestH2Group(t *testing.T) {
	var g Group
	ended := make(chan *CloseError, 3)
	u := Upgrader{Config: Config{Group: &g}}
	opened := make(chan *Conn, 3) // a client's Dial may return before the server's end is there
	srv, url := h2Server(t, u.Handler(&Events{
		Open:  func(c *Conn, _ *handshake.Request) { opened <- c },
		Close: func(_ *Conn, err *CloseError) { ended <- err },
	}))
	transport := h2Transport(t, srv)
	var own Group
	d := &Dialer{Config: Config{Group: &own}}
	var clients []*Conn
	for range 3 {
		clients = append(clients, dialH2(t, d, url, transport))
		<-opened
	}
	wantLen(t, &g, 3)
	wantLen(t, &own, 3)
	if n, err := g.Broadcast(Text, []byte("the end is near")); n != 3 || err != nil {
		t.Error(n, err)
	}
	down := make(chan error, 1)
	go func() { down <- g.Shutdown(bg) }()
	for _, c := range clients {
		if _, p, err := c.Read(bg); string(p) != "the end is near" || err != nil {
			t.Errorf("%q, %v", p, err)
		}
		_, _, err := c.Read(bg)
		wantEnd(t, err, CloseError{Code: CloseGoingAway, Reason: "the server is shutting down", Remote: true})
	}
	if err := <-down; err != nil {
		t.Error(err)
	}
	for range 3 {
		select {
		case err := <-ended:
			wantEnd(t, err, CloseError{Code: CloseGoingAway})
		default:
			t.Fatal("Shutdown did not wait for a Close event")
		}
	}
	if err := own.Shutdown(bg); err != nil {
		t.Error(err)
	}
	wantLen(t, &g, 0)
	wantLen(t, &own, 0)
	_, resp, err := new(Dialer).DialVia(bg, url, transport)
	if err == nil || resp == nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%+v, %v", resp, err)
	}
	if _, _, err := d.DialVia(bg, url, transport); !errors.Is(err, ErrGroupClosed) {
		t.Error(err)
	}
}

// TestH2GroupContext cuts a peer that does not take part, by RST_STREAM alone:
// the other stream of its connection goes on.
func TestH2GroupContext(t *testing.T) {
	var g Group
	opened := make(chan *Conn, 2)
	srv, url := h2Server(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u := Upgrader{}
		if r.URL.Path == "/tracked" {
			u.Group = &g
		}
		u.Handler(&Events{
			Open:    func(c *Conn, _ *handshake.Request) { opened <- c },
			Message: func(c *Conn, mt MessageType, p []byte) { _ = c.Append(mt, p) },
		}).ServeHTTP(w, r)
	}))
	transport := h2Transport(t, srv)
	idle := dialH2(t, &Dialer{}, url+"/tracked", transport)
	<-opened
	other := dialH2(t, &Dialer{}, url, transport)
	ctx, cancel := context.WithCancel(bg)
	cancel()
	if err := g.Shutdown(ctx); err != context.Canceled {
		t.Error(err)
	}
	if err := g.Shutdown(bg); err != nil { // it has left, though it has not answered
		t.Error(err)
	}
	if err := other.Write(bg, Text, []byte("here")); err != nil {
		t.Error(err)
	}
	if _, p, err := other.Read(bg); string(p) != "here" || err != nil {
		t.Errorf("%q, %v", p, err)
	}
	if _, _, err := idle.Read(bg); err == nil {
		t.Error("the connection that was cut goes on")
	}
}

// TestH2Trace has both ends tell of a conversation over HTTP/2.
func TestH2Trace(t *testing.T) {
	var at, by transcript // the server, the client
	var g, own Group
	u := Upgrader{Config: Config{Trace: at.trace(), Group: &g}, Check: func(r *handshake.Request) error {
		if r.Target == "/forbidden" {
			return &handshake.Error{Status: http.StatusForbidden, Reason: "members alone"}
		}
		return nil
	}}
	srv, url := h2Server(t, u.Handler(&Events{Message: func(c *Conn, mt MessageType, p []byte) { _ = c.Append(mt, p) }}))
	transport := h2Transport(t, srv)
	d := &Dialer{Config: Config{Trace: by.trace(), Group: &own}}
	if _, _, err := d.DialVia(bg, url+"/forbidden", transport); err == nil {
		t.Error("the dialer was not refused")
	}
	c := dialH2(t, d, url+"/chat", transport)
	if err := c.Write(bg, Text, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Read(bg); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(CloseNormal, "bye"); err != nil {
		t.Fatal(err)
	}
	check(g.Shutdown(bg)) // everything has been traced
	check(own.Shutdown(bg))
	wantSorted(t, at.take(),
		`refused "/forbidden": websocket: handshake: members alone (status 403)`,
		"opened /chat",
		"< text 5 fin masked", "<< text 5 of 5, compressed false",
		"> text 5 fin", ">> text 5 of 5, compressed false",
		"< close 5 fin masked", "<x 1000 bye", "> close 2 fin", ">x 1000 ", "closed 1000 true")
	wantSorted(t, by.take(),
		"opened",
		"> text 5 fin masked", ">> text 5 of 5, compressed false",
		"< text 5 fin", "<< text 5 of 5, compressed false",
		"> close 5 fin masked", ">x 1000 bye", "< close 2 fin", "<x 1000 ", "closed 1000 false")
}

// wantSorted compares what two goroutines of a connection have traced: each in
// its own order, so that only what is there counts.
func wantSorted(t *testing.T, got []string, want ...string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	wantLines(t, got, want)
}
