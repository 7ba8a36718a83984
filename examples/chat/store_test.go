package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/conntest"
	"github.com/rfc6455/ws/conn/hub"
)

func openTestStore(t *testing.T, dir string) *store {
	t.Helper()
	s, err := openStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func publish(t *testing.T, s *store, room, text string) {
	t.Helper()
	if _, err := s.Publish(t.Context(), room, ws.Text, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// texts are the messages after an offset, and the offset after which they are.
func texts(t *testing.T, s *store, room string, since hub.Position, limit int) (got []string, after uint64, more bool) {
	t.Helper()
	h, err := s.History(t.Context(), room, since, limit)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range h.Messages {
		got = append(got, string(m.Data))
	}
	return got, h.After.Offset, h.More
}

// TestStoreHistory: a store has the messages after a position, also when it is opened again.
func TestStoreHistory(t *testing.T) {
	dir := t.TempDir()
	s := openTestStore(t, dir)
	for i := range 4 {
		publish(t, s, "a", fmt.Sprintf("{\"<%d>\n", i))
	}
	publish(t, s, "b", "other")
	for range 2 {
		for _, test := range []struct {
			since hub.Position
			limit int
			want  string
		}{
			{hub.Position{}, 10, `["{\"<0>\n" "{\"<1>\n" "{\"<2>\n" "{\"<3>\n"] 0 false`},
			{hub.Position{}, 1, `["{\"<3>\n"] 3 false`},
			{hub.Position{Epoch: s.epoch, Offset: 1}, 2, `["{\"<1>\n" "{\"<2>\n"] 1 true`},
			{hub.Position{Epoch: s.epoch, Offset: 4}, 2, `[] 4 false`},
			{hub.Position{Epoch: s.epoch, Offset: 9}, 2, `[] 4 false`},
			{hub.Position{Epoch: "other", Offset: 2}, 1, `["{\"<0>\n"] 0 true`},
		} {
			got, after, more := texts(t, s, "a", test.since, test.limit)
			if line := fmt.Sprintf("%q %d %t", got, after, more); line != test.want {
				t.Errorf("History(%v, %d) = %s, want %s", test.since, test.limit, line, test.want)
			}
		}
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Publish(t.Context(), "a", ws.Text, nil); err == nil {
			t.Error("a store that is closed publishes")
		}
		s = openTestStore(t, dir)
	}
	_ = s.close()
}

// TestStoreIsBounded: neither the memory nor the file keeps what nobody can ask for.
func TestStoreIsBounded(t *testing.T) {
	dir := t.TempDir()
	s := openTestStore(t, dir)
	defer func() { _ = s.close() }()
	s.lines = compacts - 10 // as if so many had been written
	for i := range kept + 20 {
		publish(t, s, "a", strconv.Itoa(i))
	}
	got, after, _ := texts(t, s, "a", hub.Position{Epoch: s.epoch, Offset: 3}, 2*kept)
	if len(got) != kept || after != 20 || got[0] != "20" {
		t.Errorf("%d messages after offset %d, want %d after 20", len(got), after, kept)
	}
	text, err := os.ReadFile(filepath.Join(dir, "messages.jsonl"))
	if lines := strings.Count(string(text), "\n"); err != nil || lines != 1+kept+20 {
		t.Errorf("the file has %d lines, want one and %d messages (%v)", lines, kept+20, err)
	}
}

// TestStoreSuccessor: a process that starts before its predecessor has ended waits for that, and has
// all that the predecessor has published.
func TestStoreSuccessor(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no lock")
	}
	dir := t.TempDir()
	first := openTestStore(t, dir)
	opened := make(chan *store, 1)
	go func() {
		s, err := openStore(dir)
		if err != nil {
			t.Error(err)
		}
		opened <- s
	}()
	for i := range 20 {
		publish(t, first, "a", strconv.Itoa(i))
	}
	if err := first.close(); err != nil {
		t.Fatal(err)
	}
	s := <-opened
	defer func() { _ = s.close() }()
	if got, _, _ := texts(t, s, "a", hub.Position{}, 99); len(got) != 20 || got[19] != "19" {
		t.Errorf("the successor has %q, want all 20", got)
	}
}

// TestStoreAfterCrash: a line that was cut was never told to anybody; other damage is an error.
func TestStoreAfterCrash(t *testing.T) {
	dir := t.TempDir()
	s := openTestStore(t, dir)
	publish(t, s, "a", "1")
	publish(t, s, "a", "2")
	epoch := s.epoch
	_ = s.close()
	file := filepath.Join(dir, "messages.jsonl")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text[:len(text)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	s = openTestStore(t, dir)
	publish(t, s, "a", "3")
	if got, _, _ := texts(t, s, "a", hub.Position{}, 9); fmt.Sprint(got) != "[1 3]" || s.epoch != epoch {
		t.Errorf("%v in epoch %s, want [1 3] in %s", got, s.epoch, epoch)
	}
	_ = s.close()
	if err := os.WriteFile(file, []byte("{\n"+string(text)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openStore(dir); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("a damaged file: %v, want an error that says where", err)
	}
}

// FuzzSession: whatever a cookie says, nobody without the key has a session.
func FuzzSession(f *testing.F) {
	l := &login{users: map[string]*user{"ada": {name: "ada"}}, key: []byte("a key")}
	good := l.session(l.users["ada"], time.Now().Add(time.Hour))
	for _, s := range []string{"", ".", "..", "YWRh.9999999999.", "YWRh.9999999999.AAAA", good[1:], good + ".", "."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, session string) {
		r := &http.Request{Header: http.Header{"Cookie": {"session=" + session}}}
		if u := l.user(r); u != nil && session != good && session != `"`+good+`"` {
			t.Errorf("%q is a session of %s", session, u.name)
		}
	})
	if l.user(&http.Request{Header: http.Header{"Cookie": {"session=" + good}}}) == nil {
		f.Error("a session is none")
	}
	old := l.session(l.users["ada"], time.Now().Add(-time.Second))
	if l.user(&http.Request{Header: http.Header{"Cookie": {"session=" + old}}}) != nil {
		f.Error("a session has no end")
	}
}

// newTestChat returns a chat with the user ada and no socket, and a session of ada's.
func newTestChat(t *testing.T) (c *chat, session string) {
	t.Helper()
	cfg := &config{dir: t.TempDir(), rooms: []string{"lobby"}, rate: 1e6, burst: 1}
	users := []byte(`{"ada":{"salt":"","rounds":1,"hash":"AAAA"}}`)
	if err := os.WriteFile(usersFile(cfg.dir), users, 0o600); err != nil {
		t.Fatal(err)
	}
	s := openTestStore(t, cfg.dir)
	t.Cleanup(func() { _ = s.close() })
	c, err := newChat(cfg, s)
	if err != nil {
		t.Fatal(err)
	}
	session = c.login.session(c.login.users["ada"], time.Now().Add(time.Hour))
	return c, session
}

// TestSlowPeer: a peer that does not read holds up nobody. It is closed with 1013, after which
// pages come back, and then gets everything that it has missed.
func TestSlowPeer(t *testing.T) {
	c, session := newTestChat(t)
	d := ws.Dialer{
		NetDial: conntest.NetDial(t, c.handler()), Proxy: ws.NoProxy, HandshakeTimeout: patience,
		Header: http.Header{"Cookie": {"session=" + session}},
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	connect := func(position string) *ws.Conn {
		conn, _, err := d.Dial(ctx, "ws://chat.invalid/ws")
		if err != nil {
			t.Fatal(err)
		}
		p := fmt.Appendf(nil, `{"hub":"subscribe","topic":"lobby","position":%q}`, position)
		if err := conn.Write(ctx, ws.Text, p); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	next := func(conn *ws.Conn, with string) string {
		for {
			_, p, err := conn.Read(ctx)
			if err != nil {
				return err.Error()
			}
			if strings.Contains(string(p), with) {
				return string(p)
			}
		}
	}
	slow, quick := connect(""), connect("")
	_, at, _ := strings.Cut(next(slow, `"subscribed"`), `"position":"`)
	at, _, _ = strings.Cut(at, `"`)
	const messages = 300
	text := strings.Repeat("x", maxText) // all of them are more than a socket and a queue hold
	for i := range messages {
		id := fmt.Sprintf("number %d", i)
		p := fmt.Appendf(nil, `{"type":"say","room":"lobby","id":%q,"text":%q}`, id, text)
		if err := quick.Write(ctx, ws.Text, p); err != nil {
			t.Fatal(err)
		}
		if got := next(quick, id); !strings.Contains(got, `"hub":"message"`) {
			t.Fatalf("the other peer gets %q", got)
		}
	}
	if got := next(slow, "nothing"); !strings.Contains(got, "1013") {
		t.Errorf("the slow peer's connection ends with %q, want 1013", got)
	}
	back := connect(at)
	for i := range messages {
		if got := next(back, `"hub":"message"`); !strings.Contains(got, fmt.Sprintf(`number %d\"`, i)) {
			t.Fatalf("message %d is %.200q", i, got)
		}
	}
}

// TestStoreAfterPowerCut: after a power cut a part of the last line may be zeros, although its end
// is there. Nobody was told of that line either. Zeros anywhere else are damage.
func TestStoreAfterPowerCut(t *testing.T) {
	dir := t.TempDir()
	s := openTestStore(t, dir)
	publish(t, s, "a", "1")
	publish(t, s, "a", "2")
	_ = s.close()
	file := filepath.Join(dir, "messages.jsonl")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	last := strings.LastIndexByte(string(text[:len(text)-1]), '\n') + 1
	clear(text[last : len(text)-5])
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	s = openTestStore(t, dir)
	publish(t, s, "a", "3")
	if got, _, _ := texts(t, s, "a", hub.Position{}, 9); fmt.Sprint(got) != "[1 3]" {
		t.Errorf("%v are left, want [1 3]", got)
	}
	_ = s.close()
	if err := os.WriteFile(file, append(text, "{}\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openStore(dir); err == nil {
		t.Error("zeros before the last line are no error")
	}
}

// TestStoreOfManyRooms: the messages that are kept may be more lines than those after which the file
// is written anew. That is done now and then even so, and not for each message.
func TestStoreOfManyRooms(t *testing.T) {
	s := openTestStore(t, t.TempDir())
	defer func() { _ = s.close() }()
	for i := range compacts/kept + 1 {
		log := s.logLocked(strconv.Itoa(i))
		for range kept {
			log.add(s.message(log.last+1, []byte("{}")))
		}
	}
	s.lines = compacts
	publish(t, s, "0", "{}")
	file := s.file
	for range 10 {
		publish(t, s, "0", "{}")
	}
	if s.file != file {
		t.Error("the file was written anew within 10 messages")
	}
}

// TestConnectionsOfUser: the limit holds for handshakes that come at the same time, too. None of
// them finds another one among the connections.
func TestConnectionsOfUser(t *testing.T) {
	c, session := newTestChat(t)
	ada := c.login.users["ada"]
	var wg sync.WaitGroup
	wg.Add(2 * maxPerUser)
	u := &ws.Upgrader{Check: func(r *ws.Request) error {
		err := c.check(r)
		wg.Done()
		wg.Wait() // all pass this before any is open
		return err
	}}
	h := u.Handler(&ws.Events{Open: c.welcome, Message: c.message, Close: c.ended})
	d := ws.Dialer{
		NetDial: conntest.NetDial(t, h), Proxy: ws.NoProxy, HandshakeTimeout: patience,
		Header: http.Header{"Cookie": {"session=" + session}},
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	welcome := make(chan bool)
	for range 2 * maxPerUser {
		go func() {
			conn, _, err := d.Dial(ctx, "ws://chat.invalid/ws")
			if err != nil {
				t.Error(err)
				welcome <- false
				return
			}
			t.Cleanup(func() { _ = conn.CloseNow() })
			_, _, err = conn.Read(ctx)
			var end *ws.CloseError
			if err != nil && (!errors.As(err, &end) || end.Code != ws.CloseTryAgainLater) {
				t.Errorf("a connection ends with %v, want 1013", err)
			}
			welcome <- err == nil
		}()
	}
	n := 0
	for range 2 * maxPerUser {
		if <-welcome {
			n++
		}
	}
	if n > maxPerUser {
		t.Errorf("%d connections are welcome, want at most %d", n, maxPerUser)
	}
	if n := ada.open.Load(); n > 2*maxPerUser {
		t.Errorf("%d connections are open", n)
	}
}

// TestSessionOfOtherHost: a host beside this one, such as evil.example.com beside chat.example.com,
// can't give a browser a session. Over https the cookie has a name that only this host may set.
func TestSessionOfOtherHost(t *testing.T) {
	for _, secure := range []bool{false, true} {
		l := &login{users: map[string]*user{"ada": {name: "ada"}}, key: []byte("a key"), secure: secure}
		good := l.session(l.users["ada"], time.Now().Add(time.Hour))
		if name := l.cookie(good, 1).Name; strings.HasPrefix(name, "__Host-") != secure {
			t.Errorf("secure %t: the cookie's name is %s", secure, name)
		}
		with := func(name string) *user {
			return l.user(&http.Request{Header: http.Header{"Cookie": {name + "=" + good}}})
		}
		if with("session") == nil != secure {
			t.Errorf("secure %t: a cookie of any host's is a session: %t", secure, with("session") != nil)
		}
		if secure && with("__Host-session") == nil {
			t.Error("the host's own cookie is no session")
		}
	}
}
