package conn

import (
	"context"
	"errors"
	"net"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rfc6455/ws/handshake"
)

// TestCheckTellsTheConn: what a hook of the handshake has found out is there from
// the first moment on, for Trace.Opened, Open and everybody after, through both
// doors.
func TestCheckTellsTheConn(t *testing.T) {
	type user struct{ name string }
	var traced any
	u := &Upgrader{
		Config: Config{Trace: &Trace{Opened: func(c *Conn, _ *handshake.Request) { traced = c.Data() }}},
		Check: func(r *handshake.Request) error {
			r.Data = user{r.Get("Authorization")}
			return nil
		},
		SelectSubprotocol: func(r *handshake.Request) (string, error) {
			if r.Data == nil {
				return "", errors.New("SelectSubprotocol comes before Check")
			}
			return "", nil
		},
	}
	want := user{"ann"}
	d := &Dialer{Header: map[string][]string{"Authorization": {"ann"}}}
	t.Run("Handler", func(t *testing.T) {
		opened := make(chan [2]any, 1)
		srv := httptest.NewServer(u.Handler(&Events{Open: func(c *Conn, r *handshake.Request) { opened <- [2]any{c.Data(), r.Data} }}))
		defer srv.Close()
		c, _, err := d.Dial(within(t), "ws"+strings.TrimPrefix(srv.URL, "http"))
		check(err)
		defer c.CloseNow()
		if got := <-opened; got[0] != want || got[1] != want || traced != want {
			t.Errorf("Open saw %v, Trace.Opened %v, want %v", got, traced, want)
		}
	})
	t.Run("UpgradeNet", func(t *testing.T) {
		a, b := tcpNets(t)
		accepted := make(chan *Conn, 1)
		go func() {
			c, _, err := u.UpgradeNet(bg, a, nil)
			check(err)
			accepted <- c
		}()
		d := *d
		d.NetDial = func(context.Context, string, string) (net.Conn, error) { return b, nil }
		client, _, err := d.Dial(within(t), "ws://server.example/")
		check(err)
		defer client.CloseNow()
		s := <-accepted
		if s.Data() != want {
			t.Errorf("Data() = %v, want %v", s.Data(), want)
		}
		s.SetData("another")
		if s.Data() != "another" {
			t.Errorf("Data() = %v after SetData", s.Data())
		}
		check(s.CloseNow())
	})
}
