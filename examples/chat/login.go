package main

import (
	"bufio"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// rounds of PBKDF2 with HMAC-SHA-256, as OWASP recommends. They take some tenths of a second.
var rounds = 600_000 // fewer in tests under the race detector

const (
	sessionTime   = 30 * 24 * time.Hour
	minPassword   = 8   // bytes
	maxPassword   = 256 // bytes
	hashesAtOnce  = 1
	loginsWaiting = 20
)

// secret is how a password is stored.
type secret struct {
	Salt   []byte `json:"salt"`
	Rounds int    `json:"rounds"`
	Hash   []byte `json:"hash"`
}

func newSecret(password string) (secret, error) {
	s := secret{Salt: make([]byte, 16), Rounds: rounds}
	rand.Read(s.Salt)
	var err error
	s.Hash, err = s.hash(password)
	return s, err
}

func (s *secret) hash(password string) ([]byte, error) {
	return pbkdf2.Key(sha256.New, password, s.Salt, s.Rounds, sha256.Size)
}

func (s *secret) matches(password string) bool {
	h, err := s.hash(password)
	return err == nil && hmac.Equal(h, s.Hash)
}

// user is somebody who may log in.
type user struct {
	name   string
	secret secret
	open   atomic.Int32 // connections
	limit  limiter      // of messages, over all connections
}

// login knows the users and their sessions. A session is a signed cookie, so that it survives a
// restart without being stored. It ends when its time is over, or the user's password changes.
type login struct {
	users    map[string]*user
	key      []byte                      // signs sessions
	secure   bool                        // browsers know the chat as https
	other    *http.CrossOriginProtection // no other site logs somebody in or out
	hashing  chan struct{}               // holds a value for each password that is being checked
	queueing chan struct{}               // and for each that waits or is being checked
	nobody   secret                      // checked for unknown names, which takes the same time
}

func newLogin(cfg *config) (*login, error) {
	stored, err := readUsers(usersFile(cfg.dir))
	if err != nil {
		return nil, err
	}
	l := &login{
		users:    make(map[string]*user),
		secure:   cfg.cert != "" || strings.HasPrefix(cfg.origin, "https://"),
		other:    http.NewCrossOriginProtection(),
		hashing:  make(chan struct{}, hashesAtOnce),
		queueing: make(chan struct{}, loginsWaiting),
		nobody:   secret{Salt: make([]byte, 16), Rounds: rounds, Hash: make([]byte, sha256.Size)},
	}
	if cfg.origin != "" {
		if err := l.other.AddTrustedOrigin(cfg.origin); err != nil {
			return nil, fmt.Errorf("-origin: %w", err)
		}
	}
	for name, s := range stored {
		interval := time.Duration(float64(time.Second) / cfg.rate)
		l.users[name] = &user{name: name, secret: s, limit: limiter{interval: interval, burst: cfg.burst}}
	}
	l.key, err = sessionKey(filepath.Join(cfg.dir, "session.key"))
	return l, err
}

// sessionKey reads the key, or makes one. To end all sessions, remove the file and restart.
func sessionKey(file string) ([]byte, error) {
	key, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		key = make([]byte, 32)
		rand.Read(key)
		return key, writeFile(file, key)
	}
	if err == nil && len(key) != 32 {
		err = fmt.Errorf("%s has %d bytes, want 32: remove it, and all have to log in again", file, len(key))
	}
	return key, err
}

func usersFile(dir string) string { return filepath.Join(dir, "users.json") }

func readUsers(file string) (map[string]secret, error) {
	users := make(map[string]secret)
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return users, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &users)
	}
	if err != nil {
		return nil, fmt.Errorf("the users: %w", err)
	}
	return users, nil
}

var goodName = regexp.MustCompile(`^[\pL\pN][\pL\pN_-]{0,23}$`)

// addUser reads a password, and adds a user or changes the password. A chat that runs knows of it
// after its next start.
func addUser(file, name string, in io.Reader) error {
	if !goodName.MatchString(name) {
		return errors.New("a name has up to 24 letters, digits, - and _; the first is no - or _")
	}
	users, err := readUsers(file)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "password of %s: ", name)
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	password := strings.TrimRight(line, "\r\n")
	if len(password) < minPassword || len(password) > maxPassword {
		return fmt.Errorf("a password has %d to %d bytes", minPassword, maxPassword)
	}
	if users[name], err = newSecret(password); err != nil {
		return err
	}
	text, err := json.MarshalIndent(users, "", "\t")
	if err != nil {
		return err
	}
	return writeFile(file, append(text, '\n'))
}

// writeFile writes a file of this user's alone: all of it, or nothing, even if the machine crashes.
func writeFile(file string, p []byte) error {
	f, err := os.OpenFile(file+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(p)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return errors.Join(os.Rename(file+".new", file), syncDir(filepath.Dir(file)))
}

// routes adds the requests of the login page.
func (l *login) routes(mux *http.ServeMux, loggedOut func(*user)) {
	mux.Handle("POST /login", l.other.Handler(http.HandlerFunc(l.logIn)))
	logOut := func(w http.ResponseWriter, r *http.Request) {
		if u := l.user(r); u != nil {
			loggedOut(u)
		}
		http.SetCookie(w, l.cookie("", -1))
		w.WriteHeader(http.StatusNoContent)
	}
	mux.Handle("POST /logout", l.other.Handler(http.HandlerFunc(logOut)))
	mux.HandleFunc("GET /me", l.me)
}

// me tells a page who it is.
func (l *login) me(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	u := l.user(r)
	if u == nil {
		http.Error(w, "log in first", http.StatusUnauthorized)
		return
	}
	fmt.Fprintln(w, u.name)
}

// logIn checks name and password, and begins a session.
func (l *login) logIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	name, password := r.PostFormValue("name"), r.PostFormValue("password")
	if !l.turn(r) {
		w.Header().Set("Retry-After", "5")
		http.Error(w, "too many people log in just now: try again", http.StatusServiceUnavailable)
		return
	}
	u := l.check(name, password)
	<-l.hashing
	<-l.queueing
	if u == nil {
		http.Error(w, "there is no such user with this password", http.StatusUnauthorized)
		return
	}
	http.SetCookie(w, l.cookie(l.session(u, time.Now().Add(sessionTime)), int(sessionTime.Seconds())))
	w.WriteHeader(http.StatusNoContent)
}

// check returns the user if the password is right. It takes as long if there is no such user.
func (l *login) check(name, password string) *user {
	if len(password) > maxPassword {
		return nil
	}
	u := l.users[name]
	if u == nil {
		l.nobody.matches(password)
		return nil
	}
	if !u.secret.matches(password) {
		return nil
	}
	return u
}

// turn waits for the turn to check a password, and reports false if that would take too long.
// Checking takes long on purpose, and so it is one at a time. This also bounds how many passwords
// a stranger can try.
func (l *login) turn(r *http.Request) bool {
	select {
	case l.queueing <- struct{}{}:
	default:
		return false
	}
	select {
	case l.hashing <- struct{}{}:
		return true
	case <-r.Context().Done():
		<-l.queueing
		return false
	}
}

// cookieName is the name of the session's cookie. With the prefix a browser takes it from this host
// alone. Otherwise a host beside it could log people in as somebody else.
func (l *login) cookieName() string {
	if l.secure {
		return "__Host-session"
	}
	return "session" // the prefix is for https
}

// cookie makes the cookie of a session. Scripts can't read it, and requests that other sites begin
// do not carry it.
func (l *login) cookie(value string, age int) *http.Cookie {
	return &http.Cookie{
		Name: l.cookieName(), Value: value, Path: "/", MaxAge: age,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: l.secure,
	}
}

// session returns the text of a session: name, end and signature.
func (l *login) session(u *user, end time.Time) string {
	name := base64.RawURLEncoding.EncodeToString([]byte(u.name))
	text := name + "." + strconv.FormatInt(end.Unix(), 10)
	return text + "." + l.sign(u, text)
}

// sign covers the password, too: whoever changes it ends all sessions.
func (l *login) sign(u *user, text string) string {
	m := hmac.New(sha256.New, l.key)
	m.Write(u.secret.Hash)
	m.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// user returns whose session the request is of, nil if there is none.
func (l *login) user(r *http.Request) *user {
	c, err := r.Cookie(l.cookieName())
	if err != nil {
		return nil
	}
	i := strings.LastIndexByte(c.Value, '.')
	if i < 0 {
		return nil
	}
	text, signature := c.Value[:i], c.Value[i+1:]
	name, end, _ := strings.Cut(text, ".")
	decoded, err := base64.RawURLEncoding.DecodeString(name)
	if err != nil {
		return nil
	}
	u := l.users[string(decoded)]
	if u == nil || !hmac.Equal([]byte(signature), []byte(l.sign(u, text))) {
		return nil
	}
	seconds, err := strconv.ParseInt(end, 10, 64)
	if err != nil || !time.Now().Before(time.Unix(seconds, 0)) {
		return nil
	}
	return u
}
