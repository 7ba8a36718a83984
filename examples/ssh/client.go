package main

import (
	"context"
	"net"
	"net/url"
	"time"

	"golang.org/x/crypto/ssh"

	ws "github.com/rfc6455/ws/conn"
)

// handshakeTimeout bounds SSH's key exchange and authentication.
const handshakeTimeout = 30 * time.Second

// dial returns a client for the server at a URL. ctx bounds the WebSocket's dialing, and
// handshakeTimeout what SSH does then.
func dial(ctx context.Context, rawURL string, key ssh.Signer, check ssh.HostKeyCallback) (*ssh.Client, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	c, err := ws.Dial(ctx, rawURL)
	if err != nil {
		return nil, err
	}
	nc := ws.Stream(context.Background(), c, ws.Binary)
	_ = nc.SetDeadline(time.Now().Add(handshakeTimeout))
	conn, channels, requests, err := ssh.NewClientConn(nc, hostPort(u), &ssh.ClientConfig{
		User:            "forward",
		Auth:            []ssh.AuthMethod{ssh.PublicKeys(key)},
		HostKeyCallback: check,
	})
	if err != nil {
		nc.Close()
		return nil, err
	}
	_ = nc.SetDeadline(time.Time{})
	return ssh.NewClient(conn, channels, requests), nil
}

// hostPort is under which name a server is in known_hosts.
func hostPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	return net.JoinHostPort(u.Hostname(), map[string]string{"ws": "80", "wss": "443"}[u.Scheme])
}
