//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package conn

import (
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestLoopEveryEnd: connections end in every way at once: by either side, within callbacks and
// beside them, in order and torn. Each of them reports its end once, and nothing is left.
func TestLoopEveryEnd(t *testing.T) {
	loopSchemes(t, func(t *testing.T, scheme string) {
		var opened, closed atomic.Int32
		g := new(Group)
		cfg := Config{
			Loop: new(Loop), Group: g, CloseTimeout: time.Minute, WriteTimeout: time.Minute,
			Trace: &Trace{Panic: func(*Conn, any, []byte) {}},
		}
		socketOf := func(c *Conn) net.Conn {
			return c.NetConn().(interface{ NetConn() net.Conn }).NetConn()
		}
		end := func(c *Conn, how byte) {
			switch how % 6 {
			case 0:
				_ = c.Close(CloseNormal, "bye")
			case 1:
				_ = c.CloseNow()
			case 2:
				_ = socketOf(c).Close()
			case 3:
				go c.CloseNow()
				_ = c.Close(CloseNormal, "bye")
			case 4:
				go c.Close(CloseNormal, "bye")
				_ = socketOf(c).Close()
			case 5:
				go socketOf(c).Close()
			}
		}
		url, d := serveLoop(t, scheme, cfg, &Events{
			Open: func(*Conn, *Request) { opened.Add(1) },
			Message: func(c *Conn, typ MessageType, p []byte) {
				switch how := p[0]; how {
				case 6:
					runtime.Goexit()
				case 7:
					panic("on purpose")
				case 8:
					_ = c.Append(typ, p)
					runtime.Gosched()
				case 9:
					_ = c.Send(typ, make([]byte, 300<<10))
					end(c, p[1])
				default:
					end(c, how)
				}
			},
			Close: func(*Conn, *CloseError) { closed.Add(1) },
		})
		d.Config.Group = nil
		var all sync.WaitGroup
		var next atomic.Int32
		for range 4 {
			all.Go(func() {
				for i := next.Add(1); i <= 240; i = next.Add(1) {
					c, _, err := d.Dial(within(t), url)
					if err != nil {
						t.Error(err)
						return
					}
					ended := make(chan bool, 1)
					if i%2 == 0 {
						check(c.Handle(&Events{Close: func(*Conn, *CloseError) { ended <- true }}))
					} else {
						ended <- true
					}
					_ = c.Append(Binary, []byte{8, 0})
					_ = c.Write(within(t), Binary, []byte{byte(i % 10), byte(i / 10)})
					end(c, byte(i/60))
					<-ended
					if i%2 == 1 { // nobody reads, and so notices the end of the socket
						_ = c.CloseNow()
					}
					<-c.Done()
				}
			})
		}
		all.Wait()
		if err := g.Shutdown(within(t)); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if opened.Load() != closed.Load() {
			t.Errorf("%d connections opened, %d closed", opened.Load(), closed.Load())
		}
	})
}
