package site

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/frame"
)

// tab is a client in the room, over an in-memory stream.
type tab struct {
	t  *testing.T
	c  *conn.Conn
	me news // its welcome
}

// connect returns a client whose server, over an in-memory stream, serves ev.
func connect(t *testing.T, d *demo, ev *conn.Events) *conn.Conn {
	near, far := net.Pipe()
	server := conn.New(far, frame.Server, conn.Negotiated{}, conn.Config{Group: &d.open})
	go func() { _ = server.Serve(context.Background(), ev) }() // the client sees the end
	client := conn.New(near, frame.Client, conn.Negotiated{}, conn.Config{})
	t.Cleanup(func() { client.CloseNow() })
	return client
}

// enter joins d's room and waits for the welcome. It works in a synctest bubble, where a message
// that never comes ends the test at once.
func enter(t *testing.T, d *demo) *tab {
	t.Helper()
	tb := &tab{t: t, c: connect(t, d, d.room.events())}
	tb.me = tb.next("welcome")
	return tb
}

// next returns the next message of one of the types, skipping others.
func (tb *tab) next(types ...string) news {
	tb.t.Helper()
	for {
		_, p, err := tb.c.Read(tb.t.Context())
		if err != nil {
			tb.t.Fatalf("waiting for %v: %v", types, err)
		}
		var n news
		if err := json.Unmarshal(p, &n); err != nil {
			tb.t.Fatalf("%q: %v", p, err)
		}
		if slices.Contains(types, n.Type) {
			return n
		}
	}
}

// roster returns the next roster that ok accepts.
func (tb *tab) roster(ok func([]*member) bool) []*member {
	tb.t.Helper()
	for {
		if n := tb.next("roster"); ok(n.Members) {
			return n.Members
		}
	}
}

func (tb *tab) send(text string) {
	tb.t.Helper()
	if err := tb.c.Write(tb.t.Context(), conn.Text, []byte(text)); err != nil {
		tb.t.Fatal(err)
	}
}

// wantEnd reads until the connection ends and returns how it ended.
func (tb *tab) wantEnd() *conn.CloseError {
	for {
		if _, _, err := tb.c.Read(tb.t.Context()); err != nil {
			<-tb.c.Done()
			return tb.c.Err().(*conn.CloseError)
		}
	}
}

func TestRoomSaysWhoIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDemo()
		a := enter(t, d)
		if m := a.next("roster").Members; len(m) != 1 || m[0].ID != a.me.ID || m[0].Name != a.me.Name || m[0].Name == "" {
			t.Errorf("the first roster is %+v after welcome %+v", m, a.me)
		}
		b := enter(t, d)
		if b.me.ID == a.me.ID || b.me.Name == a.me.Name || b.me.Hue == a.me.Hue {
			t.Errorf("the second welcome %+v is too like the first %+v", b.me, a.me)
		}
		a.roster(func(m []*member) bool { return len(m) == 2 })
		_ = b.c.Close(4001, "bye")
		if n := a.next("left"); n.ID != b.me.ID || n.Code != 4001 || n.Text != "bye" {
			t.Errorf("left: %+v", n)
		}
		a.roster(func(m []*member) bool { return len(m) == 1 && m[0].ID == a.me.ID })
		enter(t, d).c.CloseNow()
		if n := a.next("left"); n.Code != conn.CloseAbnormal {
			t.Errorf("cut: %+v", n)
		}
	})
}

func TestRoomPassesMessagesOnAndCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDemo()
		a, b := enter(t, d), enter(t, d)
		b.roster(func(m []*member) bool { return len(m) == 2 })
		say, wave := `{"type":"say","text":" <b>hi</b> \ud83d\udc4b "}`, `{"type":"wave"}`
		a.send(say)
		a.send(wave)
		for _, tb := range []*tab{a, b} {
			if n := tb.next("said"); n.ID != a.me.ID || n.Text != "<b>hi</b> 👋" || n.Name == "" {
				t.Errorf("said %+v", n)
			}
			if n := tb.next("waved"); n.ID != a.me.ID {
				t.Errorf("waved %+v", n)
			}
		}
		m := b.roster(func(m []*member) bool { return len(m) == 2 && m[0].Sent.Messages == 2 && m[1].Received.Messages == 2 })
		if want := int64(len(say) + len(wave)); m[0].Sent.Bytes != want || m[1].Sent.Bytes != 0 {
			t.Errorf("sent: %+v and %+v, want %d bytes and none", m[0].Sent, m[1].Sent, want)
		}
		if m[0].Received != m[1].Received || m[1].Received.Bytes == 0 {
			t.Errorf("received: %+v and %+v, want the same", m[0].Received, m[1].Received)
		}
	})
}

// TestRosterIsCoalesced counts the rosters of a busy second.
func TestRosterIsCoalesced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDemo()
		a := enter(t, d)
		start := time.Now()
		if a.next("roster"); time.Since(start) != 0 {
			t.Errorf("the first roster came after %v, want at once", time.Since(start))
		}
		rosters := make(chan int)
		go func() {
			n := 0
			for a.roster(func([]*member) bool { n++; return true })[0].Sent.Messages < 200 {
			}
			rosters <- n
		}()
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for range 200 {
			<-tick.C
			a.send(`{"type":"wave"}`) // beside the reader
		}
		if n := <-rosters; n < 9 || n > 11 {
			t.Errorf("%d rosters in a second, want 10", n)
		}
	})
}

func TestRename(t *testing.T) {
	tests := []struct{ note, in, want string }{
		{"as it is", "Ada", "Ada"},
		{"spaces", "  Ada \t\n Lovelace ", "Ada Lovelace"},
		{"controls and direction marks", "A\x00d\x1ba\u202e", "Ada"},
		{"longest", strings.Repeat("ü", maxName), strings.Repeat("ü", maxName)},
		{"too long", strings.Repeat("ü", maxName+9), strings.Repeat("ü", maxName)},
		{"cut at a space", strings.Repeat("x", maxName-1) + " y", strings.Repeat("x", maxName-1)},
		{"nothing visible", " \u200b\u202e ", ""},
	}
	for _, tt := range tests {
		t.Run(tt.note, func(t *testing.T) {
			if got := cleanName(tt.in); got != tt.want {
				t.Errorf("%q gives %q, want %q", tt.in, got, tt.want)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		a := enter(t, newDemo())
		a.send(`{"type":"name","name":" Ada "}`)
		a.roster(func(m []*member) bool { return m[0].Name == "Ada" })
	})
}

func TestRoomExplainsItself(t *testing.T) {
	tests := []struct{ note, text, want string }{
		{"no JSON", "hello", `"type":"say"`},
		{"no object", "[]", `"type":"say"`},
		{"no type", `{"text":"x"}`, `"type":"say"`},
		{"unknown type", `{"type":"shout"}`, `"type":"say"`},
		{"empty text", `{"type":"say","text":" "}`, "no text"},
		{"invisible name", `{"type":"name","name":"\u200b"}`, "visible"},
	}
	for _, tt := range tests {
		t.Run(tt.note, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := enter(t, newDemo())
				a.send(tt.text)
				if n := a.next("problem", "said"); !strings.Contains(n.Text, tt.want) {
					t.Errorf("answered %+v, want a problem with %q", n, tt.want)
				}
			})
		})
	}
}

// slow is a link whose queue is full from the nth message on.
type slow struct {
	left   int
	closed chan conn.CloseCode
}

func (s *slow) SendPrepared(*conn.Prepared) error {
	if s.left == 0 {
		return conn.ErrQueueFull
	}
	s.left--
	return nil
}

func (s *slow) Close(code conn.CloseCode, _ string) error { s.closed <- code; return nil }

// TestSlowMemberIsDropped checks that the others get every message, and the slow one 1013.
func TestSlowMemberIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDemo()
		s := &slow{left: 2, closed: make(chan conn.CloseCode)}
		d.room.join(s) // welcome and roster: the queue is full now
		a := enter(t, d)
		a.roster(func(m []*member) bool { return len(m) == 1 })
		a.send(`{"type":"say","text":"still here"}`)
		a.next("said")
		if code := <-s.closed; code != conn.CloseTryAgainLater {
			t.Errorf("the slow member was closed with %v, want 1013", code)
		}
	})
}

func TestRoomHasAnEnd(t *testing.T) {
	t.Run("full", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := newDemo()
			for range maxMembers {
				d.room.join(&slow{left: -1})
			}
			tb := &tab{t: t, c: connect(t, d, d.room.events())}
			if e := tb.wantEnd(); e.Code != conn.CloseTryAgainLater || e.Reason != "the room is full" {
				t.Errorf("one too many: %v", e)
			}
		})
	})
	t.Run("shut", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := newDemo()
			a := enter(t, d)
			a.next("roster")
			d.room.shut()
			d.room.shut()
			if m := d.room.join(&slow{left: -1, closed: make(chan conn.CloseCode, 1)}); m != nil {
				t.Error("joined a room that has ended")
			}
			go d.open.Shutdown(t.Context())
			if e := a.wantEnd(); e.Code != conn.CloseGoingAway || !e.Remote || e.Reason != "the server is shutting down" {
				t.Errorf("the member saw %v, want 1001", e)
			}
		})
	})
}

func TestNewcomersDiffer(t *testing.T) {
	seen := map[string]int{}
	for id := 1; id <= 90; id++ {
		look := birdName(id)
		if before, ok := seen[look]; ok {
			t.Errorf("%d and %d are both %s", before, id, look)
		}
		seen[look] = id
	}
	for id := 1; id < 20; id++ {
		if d := (hueOf(id) - hueOf(id+1) + 360) % 360; d < 90 || d > 270 {
			t.Error(fmt.Sprintf("members %d and %d", id, id+1), "have colours only", d, "degrees apart")
		}
	}
}
