package conn

import (
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/handshake"
)

// upgraded is what an upgrade gave its caller.
type upgraded struct {
	c   *Conn
	req *handshake.Request
	err error
}

// pipeListener accepts connections in memory.
type pipeListener struct {
	accepted chan net.Conn
	closed   chan struct{}
	once     sync.Once
	wrap     func(net.Conn) net.Conn // nil: as they are
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case nc := <-l.accepted:
		return nc, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// entrance is a server in fake time, to which a test connects.
type entrance struct {
	*pipeListener
	capacity int           // of the pipes
	up       chan upgraded // what came of each connection
	ends     []net.Conn
}

// connect returns the client's end of a new connection. The server's end is
// reset if it is closed before everything is read.
func (e *entrance) connect() *wstest.PipeConn {
	a, b := wstest.Pipe(e.capacity)
	a.StrictClose()
	var nc net.Conn = a
	if e.wrap != nil {
		nc = e.wrap(a)
	}
	e.ends = append(e.ends, b)
	e.accepted <- nc
	return b
}

// leave closes everything.
func (e *entrance) leave() {
	_ = e.Close()
	for _, nc := range e.ends {
		_ = nc.Close()
	}
	for len(e.up) > 0 {
		if u := <-e.up; u.c != nil {
			_ = u.c.CloseNow()
		}
	}
}

// doors are the two ways into the server's side of the handshake.
var doors = map[string]func(*entrance, *Upgrader, *http.Server){
	"Upgrade": func(e *entrance, u *Upgrader, srv *http.Server) {
		srv.ErrorLog = quiet
		srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, req, err := u.upgrade(w, r)
			e.up <- upgraded{c, req, err}
		})
		go srv.Serve(e)
	},
	"UpgradeNet": func(e *entrance, u *Upgrader, _ *http.Server) {
		go func() {
			for {
				nc, err := e.Accept()
				if err != nil {
					return
				}
				go func() {
					c, req, err := u.UpgradeNet(bg, nc, nil)
					e.up <- upgraded{c, req, err}
				}()
			}
		}()
	},
}

// overDoors runs f in fake time with a server of u, through each door.
func overDoors(t *testing.T, u *Upgrader, f func(t *testing.T, e *entrance)) {
	for name := range doors {
		t.Run(name, func(t *testing.T) { throughDoor(t, name, u, &http.Server{}, f) })
	}
}

// throughDoor runs f in fake time with a server of u, through one door; srv is
// for Upgrade.
func throughDoor(t *testing.T, name string, u *Upgrader, srv *http.Server, f func(t *testing.T, e *entrance)) {
	synctest.Test(t, func(t *testing.T) {
		e := &entrance{
			pipeListener: &pipeListener{accepted: make(chan net.Conn), closed: make(chan struct{})},
			capacity:     1 << 20, up: make(chan upgraded, 100),
		}
		doors[name](e, u, srv)
		defer srv.Close()
		defer e.leave()
		f(t, e)
	})
}
