package websocket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"time"
)

// The numbers of SOCKS5 (RFC 1928, RFC 1929).
const (
	socksVersion  = 5
	socksNoAuth   = 0
	socksPassword = 2
	socksConnect  = 1
	socksIPv4     = 1
	socksName     = 3
	socksIPv6     = 4
)

// dialSOCKS opens a connection to addr through a SOCKS5 proxy, which resolves the name.
func dialSOCKS(ctx context.Context, dial netDialer, proxy *url.URL, addr string) (net.Conn, error) {
	nc, err := dial(ctx, "tcp", address(proxy))
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	err = askSOCKS(nc, proxy.User, addr)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("proxy socks5://%s: %w", proxy.Host, err)
	}
	return nc, nil
}

// askSOCKS makes the proxy connect to addr.
func askSOCKS(nc net.Conn, user *url.Userinfo, addr string) error {
	methods := []byte{socksVersion, 1, socksNoAuth}
	if user != nil {
		methods = []byte{socksVersion, 2, socksNoAuth, socksPassword}
	}
	answer, err := exchange(nc, methods, 2)
	switch {
	case err != nil:
		return err
	case answer[0] != socksVersion:
		return errors.New("it does not speak SOCKS5")
	case answer[1] == socksPassword && user != nil:
		err = logInSOCKS(nc, user)
	case answer[1] != socksNoAuth:
		err = errors.New("it wants another kind of authentication: " +
			"put user and password into its URL")
	}
	if err != nil {
		return err
	}
	return connectSOCKS(nc, addr)
}

// exchange sends a request and reads n bytes of the answer.
func exchange(nc net.Conn, request []byte, n int) (answer []byte, err error) {
	if _, err := nc.Write(request); err != nil {
		return nil, err
	}
	answer = make([]byte, n)
	_, err = io.ReadFull(nc, answer)
	return answer, err
}

// logInSOCKS sends user and password (RFC 1929).
func logInSOCKS(nc net.Conn, user *url.Userinfo) error {
	name := user.Username()
	password, _ := user.Password()
	if len(name) == 0 || len(name) > 255 || len(password) > 255 {
		return errors.New("user and password must have 1 to 255 bytes")
	}
	request := append([]byte{1, byte(len(name))}, name...)
	request = append(append(request, byte(len(password))), password...)
	answer, err := exchange(nc, request, 2)
	if err == nil && answer[1] != 0 {
		err = errors.New("it refused user and password")
	}
	return err
}

// connectSOCKS asks for the connection.
func connectSOCKS(nc net.Conn, addr string) error {
	host, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || len(host) > 255 {
		return fmt.Errorf("it can't connect to %q: "+
			"the host has up to 255 bytes, and the port is a number", addr)
	}
	request := appendSOCKSHost([]byte{socksVersion, socksConnect, 0}, host)
	answer, err := exchange(nc, append(request, byte(port>>8), byte(port)), 5)
	switch {
	case err != nil:
		return err
	case answer[0] != socksVersion:
		return errors.New("it does not speak SOCKS5")
	case answer[1] != 0:
		return fmt.Errorf("it could not connect: %s", socksReason(answer[1]))
	}
	// The address from which the proxy connects is of no use here.
	rest := map[byte]int{socksIPv4: 3, socksIPv6: 15, socksName: int(answer[4])}[answer[3]]
	if rest == 0 {
		return errors.New("its answer has no address")
	}
	_, err = exchange(nc, nil, rest+2)
	return err
}

// appendSOCKSHost appends a host as SOCKS5 writes it.
func appendSOCKSHost(dst []byte, host string) []byte {
	ip := net.ParseIP(host)
	if four := ip.To4(); four != nil {
		return append(append(dst, socksIPv4), four...)
	}
	if ip != nil {
		return append(append(dst, socksIPv6), ip...)
	}
	return append(append(dst, socksName, byte(len(host))), host...)
}

// socksReason is the meaning of a reply (RFC 1928 section 6).
func socksReason(reply byte) string {
	reasons := []string{
		1: "general failure", 2: "not allowed by its rules", 3: "network unreachable",
		4: "host unreachable", 5: "connection refused", 6: "time to live expired",
		7: "command not supported", 8: "address type not supported",
	}
	if int(reply) < len(reasons) {
		return reasons[reply]
	}
	return "reply " + strconv.Itoa(int(reply))
}
