package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
)

// patience bounds each wait, on a machine that is busy.
const patience = 90 * time.Second

const password = "correct horse"

// TestMain makes the test's program the chat, if a test starts it so.
func TestMain(m *testing.M) {
	if os.Getenv("CHAT_TEST_MAIN") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// server is the chat as a process. Its socket is the test's, as that of a service is systemd's.
type server struct {
	t       *testing.T
	dir     string
	args    []string
	socket  *os.File
	addr    string
	metrics string // the address
	cmd     *exec.Cmd
	ended   chan error
}

// serve starts a chat with the users ada and grace.
func serve(t *testing.T, args ...string) *server {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("a process can't be given a socket, nor a signal")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // the File is another descriptor of the same socket
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, dir: t.TempDir(), args: args, socket: f, addr: l.Addr().String()}
	for _, name := range []string{"ada", "grace"} {
		s.add(name)
	}
	t.Cleanup(func() {
		s.stop(syscall.SIGTERM)
		_ = f.Close()
	})
	s.start()
	return s
}

// program is the chat with arguments.
func program(args ...string) *exec.Cmd {
	shell := []string{"-c", `LISTEN_PID=$$ exec "$0" "$@"`, os.Args[0]}
	cmd := exec.Command("/bin/sh", append(shell, args...)...)
	cmd.Env = append(os.Environ(), "CHAT_TEST_MAIN=1", "LISTEN_FDS=1")
	return cmd
}

// add adds a user with the password of all users.
func (s *server) add(name string) {
	s.t.Helper()
	cmd := program("-dir", s.dir, "-add", name)
	cmd.Stdin = strings.NewReader(password + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("-add %s: %v\n%s", name, err, out)
	}
}

// start starts the process, and waits until it serves.
func (s *server) start() {
	s.t.Helper()
	s.cmd = program(append([]string{"-dir", s.dir}, s.args...)...)
	s.cmd.ExtraFiles = []*os.File{s.socket}
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	s.ended = make(chan error, 1)
	go func(cmd *exec.Cmd, ended chan error) {
		_, _ = io.Copy(io.Discard, lines)
		ended <- cmd.Wait()
	}(s.cmd, s.ended)
	line, s.metrics, _ = strings.Cut(strings.TrimSuffix(line, "\n"), ", metrics on ")
	if line != "serves "+s.addr {
		s.t.Fatalf("the chat says %q, %v, want that it serves %s", line, err, s.addr)
	}
}

// stop ends the process, and waits for that.
func (s *server) stop(sig syscall.Signal) {
	s.t.Helper()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(sig)
	select {
	case err := <-s.ended:
		if err != nil && sig != syscall.SIGKILL {
			s.t.Errorf("the chat ended with %v, want a good end", err)
		}
	case <-time.After(patience):
		s.t.Error("the chat does not end")
		_ = s.cmd.Process.Kill()
		<-s.ended
	}
	s.cmd = nil
}

func (s *server) url(path string) string { return "http://" + s.addr + path }

// browser is a client with cookies.
func browser(t *testing.T) *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar, Transport: &http.Transport{}, Timeout: patience}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// logIn returns the cookies of a session.
func (s *server) logIn(name string) http.CookieJar {
	s.t.Helper()
	b := browser(s.t)
	res, err := b.PostForm(s.url("/login"), url.Values{"name": {name}, "password": {password}})
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusNoContent {
		s.t.Fatalf("log in as %s: %s, want 204", name, res.Status)
	}
	return b.Jar
}

// dialer is that of a page of the chat.
func (s *server) dialer(jar http.CookieJar) *ws.Dialer {
	return &ws.Dialer{
		Jar: jar, Header: http.Header{"Origin": {s.url("")}}, HandshakeTimeout: patience,
		Retry: ws.Retry{First: 20 * time.Millisecond, Max: 500 * time.Millisecond},
	}
}

// tab does what chat.js and hub.js do.
type tab struct {
	t      *testing.T
	cancel context.CancelFunc
	ended  chan struct{}

	mu      sync.Mutex
	changed *sync.Cond
	conn    *ws.Conn
	at      map[string]string // positions
	live    map[string]bool
	said    map[string][]said
	who     map[string][]string
	pending []note
	ends    []ws.CloseCode // of connections
	opened  int
	lost    int
	last    int // the number of the last message
}

// open opens a tab of the user whose session it is.
func (s *server) open(jar http.CookieJar) *tab {
	ctx, cancel := context.WithCancel(context.Background())
	tb := &tab{
		t: s.t, cancel: cancel, ended: make(chan struct{}),
		at: make(map[string]string), live: make(map[string]bool),
		said: make(map[string][]said), who: make(map[string][]string),
	}
	tb.changed = sync.NewCond(&tb.mu)
	s.t.Cleanup(tb.close)
	go func() {
		defer close(tb.ended)
		for c, err := range s.dialer(jar).Reconnect(ctx, "ws://"+s.addr+"/ws") {
			if err == nil {
				tb.serve(ctx, c)
			}
		}
	}()
	return tb
}

func (tb *tab) close() {
	tb.cancel()
	<-tb.ended
}

func (tb *tab) serve(ctx context.Context, c *ws.Conn) {
	tb.mu.Lock()
	tb.conn = c
	tb.opened++
	for room, at := range tb.at {
		tb.subscribe(room, at)
	}
	tb.mu.Unlock()
	err := c.Serve(ctx, &ws.Events{Message: func(_ *ws.Conn, _ ws.MessageType, p []byte) {
		tb.mu.Lock()
		defer tb.mu.Unlock()
		tb.message(p)
		tb.changed.Broadcast()
	}})
	code, _ := ws.CloseStatus(err)
	tb.mu.Lock()
	defer tb.mu.Unlock()
	tb.conn = nil
	clear(tb.live)
	tb.ends = append(tb.ends, code)
	tb.changed.Broadcast()
}

func (tb *tab) subscribe(room, at string) {
	_ = tb.conn.Send(ws.Text, fmt.Appendf(nil, `{"hub":"subscribe","topic":%q,"position":%q}`, room, at))
}

func (tb *tab) message(p []byte) {
	var m struct {
		note
		Hub, Topic, Position string
	}
	if err := json.Unmarshal(p, &m); err != nil {
		tb.t.Errorf("the chat sends %q: %v", p, err)
		return
	}
	switch {
	case m.Hub == "subscribed":
		tb.at[m.Topic], tb.live[m.Topic] = m.Position, true
		for _, n := range tb.pending {
			if n.Room == m.Topic {
				tb.send(n)
			}
		}
	case m.Hub == "message":
		tb.at[m.Topic] = m.Position
		var s said
		if err := json.Unmarshal([]byte(m.Text), &s); err != nil {
			tb.t.Error(err)
		}
		tb.said[m.Topic] = append(tb.said[m.Topic], s)
		tb.pending = slices.DeleteFunc(tb.pending, func(n note) bool { return n.ID == s.ID })
	case m.Hub != "":
		tb.lost++
	case m.Type == "welcome":
		for _, r := range m.Rooms {
			if _, known := tb.at[r.Room]; !known {
				tb.at[r.Room] = r.Position
				tb.subscribe(r.Room, r.Position)
			}
		}
	case m.Type == "who":
		tb.who[m.Room] = m.Names
	}
}

func (tb *tab) send(n note) {
	p, err := json.Marshal(n)
	if err != nil {
		tb.t.Error(err)
	}
	_ = tb.conn.Send(ws.Text, p)
}

// say says something, now or when there is a connection again.
func (tb *tab) say(room, text string) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	tb.last++
	n := note{Type: "say", Room: room, ID: fmt.Sprintf("%p-%d", tb, tb.last), Text: text}
	tb.pending = append(tb.pending, n)
	if tb.live[room] {
		tb.send(n)
	}
}

// await waits until a condition of the tab holds.
func (tb *tab) await(why string, holds func() bool) {
	tb.t.Helper()
	late := false
	timer := time.AfterFunc(patience, func() {
		tb.mu.Lock()
		defer tb.mu.Unlock()
		late = true
		tb.changed.Broadcast()
	})
	defer timer.Stop()
	tb.mu.Lock()
	defer tb.mu.Unlock()
	for !holds() {
		if late {
			tb.t.Fatalf("%s: it does not come to that; the tab has %d messages that wait, said %v, who %v, ends %v",
				why, len(tb.pending), tb.said, tb.who, tb.ends)
		}
		tb.changed.Wait()
	}
}

// hears waits until the tab has all of these in a room, and fails if it has anything else.
func (tb *tab) hears(room string, want ...string) {
	tb.t.Helper()
	tb.await("hear "+room, func() bool { return len(tb.said[room]) >= len(want) })
	tb.mu.Lock()
	defer tb.mu.Unlock()
	var got []string
	for _, s := range tb.said[room] {
		got = append(got, s.From+": "+s.Text)
	}
	if !slices.Equal(got, want) {
		tb.t.Errorf("in %s it hears %q, want %q", room, got, want)
	}
}

// sees waits until these are in a room.
func (tb *tab) sees(room string, want ...string) {
	tb.t.Helper()
	tb.await("see "+fmt.Sprint(want)+" in "+room, func() bool { return slices.Equal(tb.who[room], want) })
}

// TestRooms: what is said in a room is heard there alone, by those who come later, too; and
// everybody sees who is where.
func TestRooms(t *testing.T) {
	s := serve(t, "-rooms", "lobby,go")
	ada := s.open(s.logIn("ada"))
	ada.sees("lobby", "ada")
	ada.say("lobby", "hello")
	ada.say("go", "func main")
	ada.hears("lobby", "ada: hello")
	ada.hears("go", "ada: func main")
	grace := s.open(s.logIn("grace"))
	grace.hears("lobby", "ada: hello")
	grace.hears("go", "ada: func main")
	ada.sees("lobby", "ada", "grace")
	grace.say("lobby", "hello, ada")
	ada.hears("lobby", "ada: hello", "grace: hello, ada")
	grace.close()
	ada.sees("lobby", "ada")
	ada.sees("go", "ada")
}

// TestRefused: without a session there is no connection, nor for pages of other sites with one.
func TestRefused(t *testing.T) {
	s := serve(t)
	u, _ := url.Parse(s.url("/"))
	good := s.logIn("ada")
	cookie := good.Cookies(u)[0].Value
	jar := func(session string) http.CookieJar {
		j, _ := cookiejar.New(nil)
		j.SetCookies(u, []*http.Cookie{{Name: "session", Value: session, Path: "/"}})
		return j
	}
	name, rest, _ := strings.Cut(cookie, ".")
	for why, test := range map[string]struct {
		jar    http.CookieJar
		origin string
		want   int
	}{
		"a session":            {good, s.url(""), http.StatusSwitchingProtocols},
		"no session":           {nil, s.url(""), http.StatusUnauthorized},
		"another site":         {good, "https://evil.example", http.StatusForbidden},
		"a session of nothing": {jar(""), s.url(""), http.StatusUnauthorized},
		"another user's name":  {jar("Z3JhY2U." + rest), s.url(""), http.StatusUnauthorized}, // grace
		"another end":          {jar(name + ".9" + rest), s.url(""), http.StatusUnauthorized},
		"no signature":         {jar(cookie[:strings.LastIndexByte(cookie, '.')+1]), s.url(""), http.StatusUnauthorized},
	} {
		d := ws.Dialer{Jar: test.jar, Header: http.Header{"Origin": {test.origin}}, HandshakeTimeout: patience}
		c, _, err := d.Dial(t.Context(), "ws://"+s.addr+"/ws")
		got := http.StatusSwitchingProtocols
		var refused *ws.HandshakeError
		if errors.As(err, &refused) {
			got = refused.Status
		} else if err != nil {
			t.Errorf("%s: %v", why, err)
		}
		if c != nil {
			_ = c.Close(ws.CloseNormal, "")
		}
		if got != test.want {
			t.Errorf("with %s the status is %d, want %d", why, got, test.want)
		}
	}
}

// TestLogin: only the right password begins a session, no other site can begin one, scripts can't
// read it, and a new password ends it.
func TestLogin(t *testing.T) {
	s := serve(t)
	post := func(path, origin string, form url.Values) *http.Response {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url(path), strings.NewReader(form.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", origin)
		res, err := browser(t).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res
	}
	for why, test := range map[string]struct {
		origin, name, password string
		want                   int
	}{
		"the right password": {s.url(""), "ada", password, http.StatusNoContent},
		"a wrong password":   {s.url(""), "ada", "guess", http.StatusUnauthorized},
		"no such user":       {s.url(""), "mallory", password, http.StatusUnauthorized},
		"a long password":    {s.url(""), "ada", strings.Repeat("x", 3000), http.StatusUnauthorized},
		"another site":       {"https://evil.example", "ada", password, http.StatusForbidden},
	} {
		res := post("/login", test.origin, url.Values{"name": {test.name}, "password": {test.password}})
		cookies := res.Cookies()
		if res.StatusCode != test.want || len(cookies) > 0 != (test.want == http.StatusNoContent) {
			t.Errorf("%s: %s and %d cookies, want %d", why, res.Status, len(cookies), test.want)
		}
		for _, c := range cookies {
			if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" {
				t.Errorf("the cookie is %v, want one that neither scripts nor other sites can use", c)
			}
		}
	}
	jar := s.logIn("ada")
	status := func() int {
		b := browser(t)
		b.Jar = jar
		res, err := b.Get(s.url("/me"))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	if got := status(); got != http.StatusOK {
		t.Errorf("with a session, /me is %d, want 200", got)
	}
	s.stop(syscall.SIGTERM)
	s.start()
	if got := status(); got != http.StatusOK {
		t.Errorf("after a restart, /me is %d, want 200", got)
	}
	s.stop(syscall.SIGTERM)
	s.add("ada") // the password again, with another salt
	s.start()
	if got := status(); got != http.StatusUnauthorized {
		t.Errorf("after a new password, /me is %d, want 401", got)
	}
}

// TestLogOut: it ends the user's connections and nobody else's.
func TestLogOut(t *testing.T) {
	s := serve(t)
	jar := s.logIn("ada")
	ada, grace := s.open(jar), s.open(s.logIn("grace"))
	ada.sees("lobby", "ada", "grace")
	b := browser(t)
	b.Jar = jar
	res, err := b.Post(s.url("/logout"), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	ada.await("the end", func() bool { return slices.Equal(ada.ends, []ws.CloseCode{4001}) })
	<-ada.ended // 4001 is permanent
	grace.sees("lobby", "grace")
	u, _ := url.Parse(s.url("/"))
	if left := jar.Cookies(u); len(left) > 0 {
		t.Errorf("the browser has %v left, want no cookie", left)
	}
}

// TestRestart: two tabs go on talking while the chat is restarted, and killed. Nobody is refused,
// and all messages arrive once and in order, at a tab that comes late, too.
func TestRestart(t *testing.T) {
	s := serve(t, "-rate", "1000000", "-history", "1000")
	jars := []http.CookieJar{s.logIn("ada"), s.logIn("grace")}
	tabs := []*tab{s.open(jars[0]), s.open(jars[1])}
	rooms := []string{"lobby", "go"}
	sent := 0
	say := func(n int) {
		for range n {
			for _, tb := range tabs {
				tb.say(rooms[sent%2], fmt.Sprint(sent))
			}
			sent++
		}
	}
	for round, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL, syscall.SIGTERM} {
		before := len(tabs[0].all("lobby"))
		say(20)
		tabs[0].await("hear something", func() bool { return len(tabs[0].said["lobby"]) > before })
		stopped := make(chan struct{})
		go func() { s.stop(sig); close(stopped) }()
		say(20) // while it ends
		<-stopped
		say(20) // while there is none
		waiting := make(chan error, 1)
		go func() { // one attempt, which has to wait
			c, _, err := s.dialer(jars[0]).Dial(context.Background(), "ws://"+s.addr+"/ws")
			if err == nil {
				err = c.Close(ws.CloseNormal, "")
			}
			waiting <- err
		}()
		s.start()
		if err := <-waiting; err != nil {
			t.Errorf("a client that comes while there is no chat: %v", err)
		}
		want := ws.CloseGoingAway
		if sig == syscall.SIGKILL {
			want = ws.CloseAbnormal
		}
		for _, tb := range tabs {
			tb.await("come back", func() bool { return tb.opened > round+1 })
			if got := tb.ends[round]; got != want {
				t.Errorf("after %v the connection ends with %d, want %d", sig, got, want)
			}
		}
	}
	late := s.open(jars[1])
	for _, tb := range append(tabs, late) {
		for i, room := range rooms {
			tb.await("hear all", func() bool { return len(tb.said[room]) >= sent })
			tb.inOrder(room, i, len(rooms))
		}
		tb.await("keep its place, and nothing back", func() bool { return tb.lost == 0 && len(tb.pending) == 0 })
	}
	if !slices.Equal(tabs[0].all("lobby"), late.all("lobby")) {
		t.Error("two tabs hear the lobby in another order")
	}
}

// inOrder checks that everybody has counted in the room: from first on, by step.
func (tb *tab) inOrder(room string, first, step int) {
	tb.t.Helper()
	tb.mu.Lock()
	defer tb.mu.Unlock()
	next := make(map[string]int)
	for _, m := range tb.said[room] {
		if want := fmt.Sprint(first + step*next[m.From]); m.Text != want {
			tb.t.Errorf("in %s %s says %s, want %s", room, m.From, m.Text, want)
			return
		}
		next[m.From]++
	}
}

// all is what the tab has heard in the room.
func (tb *tab) all(room string) []said {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	return slices.Clone(tb.said[room])
}

// TestLimits: what is too big or makes no sense ends the connection, with a code after which a page
// does not come back; what can't be said is refused.
func TestLimits(t *testing.T) {
	s := serve(t)
	jar := s.logIn("ada")
	for text, want := range map[string]string{
		`{"type":"say","room":"cellar","id":"1","text":"x"}`:                                `{"type":"refused","id":"1","reason":"there is no such room"}`,
		`{"type":"say","room":"lobby","id":"1","text":" "}`:                                 `{"type":"refused","id":"1","reason":"there is no text to say"}`,
		`{"type":"say","room":"lobby","text":"x"}`:                                          `{"type":"refused","reason":"a message needs an id of at most 40 bytes"}`,
		`{"type":"say","room":"lobby","id":"1","text":"` + strings.Repeat("x", 2001) + `"}`: `{"type":"refused","id":"1","reason":"the text has 2001 bytes, more than 2000"}`,
		`{"hub":"subscribe","topic":"cellar"}`:                                              `{"hub":"refused","topic":"cellar","reason":"there is no room \"cellar\""}`,
		`{"type":"shout"}`:                                                                  "1003",
		`hello`:                                                                             "1003",
		strings.Repeat("x", 9000):                                                           "1009",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		c, _, err := s.dialer(jar).Dial(ctx, "ws://"+s.addr+"/ws")
		if err != nil {
			t.Fatal(err)
		}
		_ = c.Write(ctx, ws.Text, []byte(text))
		got := ""
		for {
			_, p, err := c.Read(ctx)
			if err != nil {
				code, _ := ws.CloseStatus(err)
				got = fmt.Sprint(uint16(code))
				break
			}
			if !strings.Contains(string(p), `"welcome"`) && !strings.Contains(string(p), `"who"`) {
				got = string(p)
				break
			}
		}
		if got != want {
			t.Errorf("to %.60s the chat says %s, want %s", text, got, want)
		}
		_ = c.CloseNow()
		cancel()
	}
}

// TestMetrics: the chat counts, and says that it is well.
func TestMetrics(t *testing.T) {
	s := serve(t, "-metrics", "127.0.0.1:0")
	ada := s.open(s.logIn("ada"))
	ada.say("lobby", "hello")
	ada.hears("lobby", "ada: hello")
	ada.sees("lobby", "ada")
	res, err := browser(t).Get("http://" + s.metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"# TYPE chat_connections gauge\nchat_connections 1\n",
		"# TYPE chat_connections_total counter\nchat_connections_total 1\n",
		"chat_messages_received_total 3\n",
		"# HELP chat_close_frames_sent_total ",
		"chat_room_members{room=\"lobby\"} 1\n",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the metrics have no %q:\n%s", want, text)
		}
	}
	if res, err := browser(t).Get(s.url("/healthz")); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("a balancer's check gets %v, %v, want 200", res, err)
	}
	if res, err := browser(t).Get(s.url("/metrics")); err != nil || res.StatusCode != http.StatusNotFound {
		t.Errorf("strangers get the metrics: %v, %v", res.Status, err)
	}
}

// writeCertificate writes a certificate for 127.0.0.1 and its key.
func writeCertificate(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	s := httptest.NewTLSServer(nil) // has one
	s.Close()
	c := s.TLS.Certificates[0]
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		file := filepath.Join(dir, name)
		text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	return write("cert.pem", "CERTIFICATE", c.Certificate[0]), write("key.pem", "PRIVATE KEY", der)
}

// TestTLS: with a certificate it is https and wss, and the cookie is for https alone.
func TestTLS(t *testing.T) {
	cert, key := writeCertificate(t, t.TempDir())
	s := serve(t, "-tls-cert", cert, "-tls-key", key)
	text, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	trust := &tls.Config{RootCAs: roots}
	b := browser(t)
	b.Transport.(*http.Transport).TLSClientConfig = trust
	res, err := b.PostForm("https://"+s.addr+"/login", url.Values{"name": {"ada"}, "password": {password}})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if all := res.Cookies(); len(all) != 1 || !all[0].Secure {
		t.Errorf("the cookies are %v, want one that is Secure", all)
	}
	d := s.dialer(b.Jar)
	d.TLSConfig = trust
	d.Header = http.Header{"Origin": {"https://" + s.addr}}
	conn, _, err := d.Dial(t.Context(), "wss://"+s.addr+"/ws")
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(ws.CloseNormal, ""); err != nil {
		t.Error(err)
	}
}

// TestCertificateFirst: a certificate that can't be used ends the chat before it listens, and a key
// alone is no plain http.
func TestCertificateFirst(t *testing.T) {
	cert, key := writeCertificate(t, t.TempDir())
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"no key", []string{"-tls-cert", cert}, "-tls-cert and -tls-key need each other"},
		{"no certificate", []string{"-tls-key", key}, "-tls-cert and -tls-key need each other"},
		{"no file", []string{"-tls-cert", cert + ".old", "-tls-key", key}, "cert.pem.old"},
		{"switched", []string{"-tls-cert", key, "-tls-key", cert}, "switched"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := start(t, append([]string{"-dir", t.TempDir()}, test.args...)...)
			if out := failure(t, cmd); strings.Contains(out, "serves") || !strings.Contains(out, test.want) {
				t.Errorf("the chat says %q, want %q and not that it serves", out, test.want)
			}
		})
	}
}

// TestAddressInUse: the message says what to do.
func TestAddressInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	out := failure(t, start(t, "-dir", t.TempDir(), "-addr", l.Addr().String()))
	if want := "choose another with -addr"; !strings.Contains(out, want) {
		t.Errorf("the chat says %q, want %q", out, want)
	}
}

// start is the chat without a socket of systemd.
func start(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the code of a port in use is another one")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), "CHAT_TEST_MAIN=1")
	return cmd
}

// failure runs a chat that must fail, and returns what it says.
func failure(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("the chat ends with %v, want the status 1", err)
	}
	return string(out)
}

// TestSocketOfAnother: the variables of systemd count for the process that they name alone.
func TestSocketOfAnother(t *testing.T) {
	t.Setenv("LISTEN_PID", "1")
	t.Setenv("LISTEN_FDS", "1")
	l, err := listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
}

// TestLimiter: after a burst there is one thing for each interval.
func TestLimiter(t *testing.T) {
	l := limiter{interval: time.Second, burst: 2}
	now := time.Unix(1e9, 0)
	for i, test := range []struct{ after, want time.Duration }{
		{0, 0}, {0, 0}, {0, time.Second}, {0, 2 * time.Second}, // a burst of two, and two that wait
		{2 * time.Second, time.Second}, {time.Hour, 0}, {0, 0}, {0, time.Second},
	} {
		now = now.Add(test.after)
		if got := l.reserve(now); got != test.want {
			t.Errorf("number %d waits for %v, want %v", i, got, test.want)
		}
	}
}
