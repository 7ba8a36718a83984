package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unicode"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/wsjson"
)

// server keeps files in one directory. An os.Root lets nothing out of it: neither names nor
// symbolic links. It knows no users: examples/chat shows a login.
type server struct {
	root *os.Root
	max  int64    // of a file, in bytes
	open ws.Group // for its end

	mu  sync.Mutex
	now map[string]bool // the names of files that are being put
}

func newServer(dir string, most int64) (*server, error) {
	root, err := os.OpenRoot(dir)
	return &server{root: root, max: most, now: make(map[string]bool)}, err
}

func (s *server) handler() http.Handler {
	u := ws.Upgrader{
		Config: ws.Config{Group: &s.open, MaxMessageSize: piece, KeepAlive: 15 * time.Second},
	}
	return u.HandlerFunc(func(c *ws.Conn, _ *ws.Request) { s.serve(c) })
}

// serve does what a client wants, one thing after another.
func (s *server) serve(c *ws.Conn) {
	ctx := context.Background() // the end of the connection ends all
	for {
		m, err := hear(ctx, c)
		if err == nil {
			err = s.do(ctx, c, m)
		}
		var no refusal
		var bad *wsjson.DocumentError
		switch {
		case errors.As(err, &no):
			err = wsjson.Write(ctx, c, message{Error: string(no)})
		case errors.As(err, &bad):
			err = c.Close(ws.CloseUnsupportedData, "want JSON with an op")
		case err != nil && !errors.Is(err, net.ErrClosed) && c.State() == ws.StateOpen:
			log.Print(err) // something is wrong here
			_ = c.Close(ws.CloseInternalError, "")
		}
		if err != nil || c.State() != ws.StateOpen {
			return
		}
	}
}

func (s *server) do(ctx context.Context, c *ws.Conn, m message) error {
	switch {
	case m.Op != "put" && m.Op != "get":
		return refusal("there are put and get alone")
	case !goodName(m.Name):
		return refusal(`a name has up to 100 visible characters, no / \ :, and no . at either end`)
	case m.Op == "get":
		return s.get(ctx, c, m)
	case m.Size < 0 || m.Size > s.max:
		return refusal(fmt.Sprintf("a file has at most %d bytes", s.max))
	}
	return s.put(ctx, c, m)
}

// goodName reports whether a file may have the name. os.Root holds what matters for safety. This
// keeps names that surprise people away, those that Windows reserves, and those of parts.
func goodName(name string) bool {
	return len(name) <= 100 && fs.ValidPath(name) && filepath.IsLocal(name) &&
		!strings.ContainsAny(name, `/\:`) && name == strings.Trim(name, ". ") &&
		strings.IndexFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// part is where a file grows until it is whole. No file may have such a name.
func part(name string) string { return ".part-" + name }

// begin reports whether nobody else is putting the file.
func (s *server) begin(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now[name] {
		return false
	}
	s.now[name] = true
	return true
}

func (s *server) end(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.now, name)
}

// put receives a file. What has come of it before a cut stays, and the next put goes on there.
func (s *server) put(ctx context.Context, c *ws.Conn, m message) error {
	if !s.begin(m.Name) { // perhaps the connection that was cut has not ended yet
		return c.Close(ws.CloseTryAgainLater, "another client is sending this file")
	}
	defer s.end(m.Name)
	if info, err := s.root.Lstat(m.Name); err == nil && info.IsDir() {
		return refusal("there is a folder of this name")
	}
	f, err := s.root.OpenFile(part(m.Name), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	t := transfer{conn: c, file: f, size: m.Size, sum: sha256.New()}
	if t.offset, err = io.Copy(t.sum, f); err != nil { // to the end, where it goes on
		return err
	}
	if t.offset > t.size {
		return s.drop(m.Name, "another file of this name has been begun: begin anew")
	}
	if err := wsjson.Write(ctx, c, message{Offset: t.offset}); err != nil {
		return err
	}
	if err := t.receive(ctx); err != nil {
		return err
	}
	switch sum, err := hear(ctx, c); {
	case err != nil:
		return err
	case sum.SHA256 != t.hash():
		return s.drop(m.Name, "the SHA-256 differs: begin anew")
	}
	if err := errors.Join(f.Sync(), f.Close(), s.root.Rename(part(m.Name), m.Name)); err != nil {
		return err
	}
	return wsjson.Write(ctx, c, message{Done: true})
}

// drop removes the part of a file.
func (s *server) drop(name, why string) error {
	return errors.Join(s.root.Remove(part(name)), refusal(why))
}

// get sends a file from an offset.
func (s *server) get(ctx context.Context, c *ws.Conn, m message) error {
	f, err := s.root.Open(m.Name)
	if err != nil {
		return refusal("there is no such file")
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || m.Offset < 0 || m.Offset > info.Size() {
		return refusal("there is no such file, or it is shorter than that")
	}
	t := transfer{conn: c, file: f, size: info.Size(), offset: m.Offset, sum: sha256.New()}
	if _, err := io.CopyN(t.sum, f, m.Offset); err != nil {
		return err
	}
	if err := wsjson.Write(ctx, c, message{Offset: t.offset, Size: t.size}); err != nil {
		return err
	}
	if err := t.send(ctx); err != nil {
		return err
	}
	return wsjson.Write(ctx, c, message{SHA256: t.hash()})
}
