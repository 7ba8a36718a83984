//go:build linux

package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/handshake"
)

var bg = context.Background()

// kind is a way in which the server serves.
type kind int

const (
	byCallbacks kind = iota // net/http, then Serve
	byReads                 // net/http, then a loop of ReadInto and Write
	compressed              // net/http, then Serve, with context takeover
	withoutHTTP             // UpgradeNet, then Serve
	byLoop                  // net/http, then an event loop
	overTLS                 // net/http over TLS, then Serve
	loopOverTLS             // net/http over TLS, then an event loop
	kinds
)

func (k kind) String() string {
	return [...]string{"callbacks", "reads", "compressed", "UpgradeNet", "loop", "TLS", "loopTLS"}[k]
}

// addresses is how many addresses of loopback the server listens on. A connection that has ended
// keeps its pair of ports for a minute, and one address has no more than 28,000 of them.
const addresses = 16

// counts has what a process counts: how many connections began, how they ended, and the messages
// that came.
type counts struct {
	Opened, Closed, Asked, Cut int64
	Messages                   int64
}

// server is the server process.
type server struct {
	problems problems

	opened, closed, asked, cut, messages atomic.Int64
}

// greeting is the server's first line. Its answer to every later line is a report.
type greeting struct {
	URLs        [kinds][]string
	Certificate []byte
}

type report struct {
	counts
	figures
	Problems int
	First    []string
}

// serve listens, says where, and answers each line of its input with a report until the input ends.
func serve() error {
	s := new(server)
	hello, err := s.listen()
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(hello); err != nil {
		return err
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		r, err := s.report()
		if err == nil {
			err = out.Encode(r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *server) report() (r report, err error) {
	r.figures, err = figuresNow()
	r.counts = counts{s.opened.Load(), s.closed.Load(), s.asked.Load(), s.cut.Load(), s.messages.Load()}
	r.Problems, r.First = s.problems.list()
	return r, err
}

// listen opens the listeners of every kind.
func (s *server) listen() (g greeting, err error) {
	certificate, err := selfSigned()
	if err != nil {
		return g, err
	}
	g.Certificate = certificate.Certificate[0]
	plain := &http.Server{Handler: s.handler(), ErrorLog: log.New(io.Discard, "", 0)}
	for i := range addresses {
		for k, serve := range [kinds]func(net.Listener){
			byCallbacks: func(ln net.Listener) { _ = plain.Serve(ln) },
			byReads:     nil, // shares the listener of byCallbacks
			compressed:  nil,
			withoutHTTP: s.accept,
			byLoop:      nil,
			overTLS: func(ln net.Listener) {
				_ = plain.Serve(tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{certificate}}))
			},
			loopOverTLS: func(ln net.Listener) {
				ln = eventLoop.Listener(ln)
				_ = plain.Serve(tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{certificate}}))
			},
		} {
			if serve == nil {
				g.URLs[k] = append(g.URLs[k], g.URLs[byCallbacks][i])
				continue
			}
			ln, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.%d:0", i+1))
			if err != nil {
				return g, err
			}
			scheme := "ws"
			if kind(k) >= overTLS {
				scheme = "wss"
			}
			g.URLs[k] = append(g.URLs[k], scheme+"://"+ln.Addr().String()+"/")
			go serve(ln)
		}
	}
	for k := range kinds {
		for i := range g.URLs[k] {
			g.URLs[k][i] += k.String()
		}
	}
	return g, nil
}

// selfSigned returns a certificate for the addresses.
func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour)}
	for i := range addresses {
		template.IPAddresses = append(template.IPAddresses, net.IPv4(127, 0, 0, byte(i+1)))
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// eventLoop is the process's Loop.
var eventLoop ws.Loop

// config returns the configuration of the connections of one kind.
func config(k kind) ws.Config {
	c := ws.Config{KeepAlive: 20 * time.Second, PongTimeout: patience, WriteTimeout: patience, CloseTimeout: patience}
	switch k {
	case compressed:
		c.Compression.Mode = ws.CompressionTakeover
	case byLoop, loopOverTLS:
		c.Loop = &eventLoop
	}
	return c
}

// handler serves the kinds that come through net/http.
func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	for _, k := range []kind{byCallbacks, compressed, byLoop, overTLS, loopOverTLS} {
		u := &ws.Upgrader{Config: config(k)}
		mux.Handle("/"+k.String(), u.Handler(s.events()))
	}
	u := &ws.Upgrader{Config: config(byReads)}
	mux.HandleFunc("/"+byReads.String(), func(w http.ResponseWriter, r *http.Request) {
		if c, err := u.Upgrade(w, r); err == nil {
			s.read(c)
		} else {
			s.problems.add("server: upgrade: %v", err)
		}
	})
	return mux
}

// accept serves one listener without net/http.
func (s *server) accept(ln net.Listener) {
	u := &ws.Upgrader{Config: config(withoutHTTP)}
	for {
		nc, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			c, _, err := u.UpgradeNet(bg, nc, nil)
			if err != nil {
				s.problems.add("server: UpgradeNet: %v", err)
				return
			}
			_ = c.Serve(bg, s.events())
		}()
	}
}

func (s *server) events() *ws.Events {
	return &ws.Events{
		Open:    func(c *ws.Conn, _ *handshake.Request) { s.open(c) },
		Message: func(c *ws.Conn, t ws.MessageType, p []byte) { s.message(c, t, p, c.Append) },
		Close:   func(c *ws.Conn, err *ws.CloseError) { s.end(c, err) },
	}
}

// read serves a connection by reads.
func (s *server) read(c *ws.Conn) {
	s.open(c)
	var buf []byte
	for {
		t, p, err := c.ReadInto(bg, buf[:0])
		if err != nil {
			break
		}
		s.message(c, t, p, func(t ws.MessageType, p []byte) error { return c.Write(bg, t, p) })
		if buf = p; cap(buf) > messageMost {
			buf = nil
		}
	}
	<-c.Done()
	var end *ws.CloseError
	if errors.As(c.Err(), &end) {
		s.end(c, end)
	}
}

func (s *server) open(c *ws.Conn) {
	s.opened.Add(1)
	c.SetData(new(counter))
}

// pleaseClose is the message that asks the server to close.
const pleaseClose = "close, please"

// message checks a message and sends it back.
func (s *server) message(c *ws.Conn, t ws.MessageType, p []byte, send func(ws.MessageType, []byte) error) {
	n := c.Data().(*counter)
	if t == ws.Text && string(p) == pleaseClose {
		_ = c.Close(closeAsked, strconv.Itoa(int(n.count)))
		return
	}
	if err := n.take(p); err != nil {
		s.problems.add("server: %v", err)
	}
	s.messages.Add(1)
	if err := send(t, p); err != nil && !isCut(err) {
		s.problems.add("server: echo: %v", err)
	}
}

// closeAsked is the code with which the server closes when it is asked to.
const closeAsked ws.CloseCode = 4000

// end counts the end of a connection and compares the client's number of messages with ours.
func (s *server) end(c *ws.Conn, err *ws.CloseError) {
	n := c.Data().(*counter)
	switch {
	case err.Clean() && err.Remote && err.Code == ws.CloseNormal:
		if err.Reason != strconv.Itoa(int(n.count)) {
			s.problems.add("server: of %s messages of connection %d, %d came", err.Reason, n.id, n.count)
		}
		s.closed.Add(1)
	case err.Clean() && !err.Remote && err.Code == closeAsked:
		s.asked.Add(1)
	case isCut(err):
		s.cut.Add(1)
	default:
		s.problems.add("server: a connection ended with %v", err)
	}
}

// isCut reports whether an end is that of a connection that the peer has cut, and not a broken rule
// or a timeout.
func isCut(err error) bool {
	for _, cause := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, cause) {
			return true
		}
	}
	return false
}
