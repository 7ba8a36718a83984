package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"golang.org/x/crypto/ssh"

	ws "github.com/rfc6455/ws/conn"
)

// server forwards connections, and does nothing else that an SSH server could.
type server struct {
	config  *ssh.ServerConfig
	targets []string
}

// newServer returns a server with a host key. authorized is the text of an authorized_keys file,
// whose options are not supported.
func newServer(hostKey ssh.Signer, authorized []byte, targets []string) (*server, error) {
	var keys [][]byte
	for len(bytes.TrimSpace(authorized)) > 0 {
		key, _, options, rest, err := ssh.ParseAuthorizedKey(authorized)
		if err != nil {
			return nil, err
		}
		if len(options) > 0 {
			return nil, errors.New("authorized_keys has options, which this server does not know")
		}
		keys, authorized = append(keys, key.Marshal()), rest
	}
	config := &ssh.ServerConfig{
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if !slices.ContainsFunc(keys, func(k []byte) bool { return bytes.Equal(k, key.Marshal()) }) {
				return nil, errors.New("unknown key")
			}
			return nil, nil
		},
	}
	config.AddHostKey(hostKey)
	return &server{config, targets}, nil
}

// handler serves SSH over WebSockets.
func (s *server) handler() http.Handler {
	// While there is nothing to forward, nothing is sent, and a proxy in front may cut what is silent.
	u := ws.Upgrader{Config: ws.Config{KeepAlive: 30 * time.Second}}
	return u.HandlerFunc(func(c *ws.Conn, _ *ws.Request) {
		if err := s.serve(ws.Stream(context.Background(), c, ws.Binary)); err != nil {
			log.Printf("%v: %v", c.RemoteAddr(), err)
		}
	})
}

// serve serves one client until it leaves. It returns an error if the client did not get in.
func (s *server) serve(nc net.Conn) error {
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(handshakeTimeout))
	_, channels, requests, err := ssh.NewServerConn(nc, s.config)
	if err != nil {
		return err
	}
	_ = nc.SetDeadline(time.Time{})
	go ssh.DiscardRequests(requests)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for c := range channels {
		go s.open(ctx, c)
	}
	return nil
}

// directTCPIP is what a client says when it opens a channel (RFC 4254 section 7.2).
type directTCPIP struct {
	Host       string
	Port       uint32
	OriginHost string
	OriginPort uint32
}

// open connects a channel with what the client wants, if that is allowed. ctx ends with the client.
func (s *server) open(ctx context.Context, c ssh.NewChannel) {
	if c.ChannelType() != "direct-tcpip" {
		_ = c.Reject(ssh.UnknownChannelType, "this server forwards connections only")
		return
	}
	var wanted directTCPIP
	if err := ssh.Unmarshal(c.ExtraData(), &wanted); err != nil {
		_ = c.Reject(ssh.ConnectionFailed, "the request can't be read")
		return
	}
	addr := net.JoinHostPort(wanted.Host, strconv.FormatUint(uint64(wanted.Port), 10))
	if !slices.Contains(s.targets, addr) {
		_ = c.Reject(ssh.Prohibited, "this server does not lead there")
		return
	}
	remote, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		_ = c.Reject(ssh.ConnectionFailed, fmt.Sprintf("%s does not answer", addr))
		return
	}
	channel, requests, err := c.Accept()
	if err != nil {
		remote.Close()
		return
	}
	go ssh.DiscardRequests(requests)
	// A target may stay silent when the client's direction has ended: it could wait for ever.
	defer context.AfterFunc(ctx, func() { remote.Close() })()
	join(channel, remote.(stream))
}

// stream is a TCP connection or a channel of SSH: both have directions that end separately.
type stream interface {
	io.ReadWriteCloser
	CloseWrite() error
}

// join copies both ways until both directions have ended.
func join(a, b stream) {
	defer a.Close()
	defer b.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(a, b)
		_ = a.CloseWrite()
	}()
	_, _ = io.Copy(b, a)
	_ = b.CloseWrite()
	<-done
}
