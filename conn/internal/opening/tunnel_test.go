package opening

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/rfc6455/ws/conn/internal/wstest"
)

// TestPrefixConn: bytes that came with the proxy's response are the tunnel's first bytes, however
// they are read.
func TestPrefixConn(t *testing.T) {
	nc, _ := wstest.Pipe(1)
	_ = nc.Close()
	in := &PrefixConn{Conn: nc, prefix: []byte("abc")}
	if got, err := io.ReadAll(iotest.OneByteReader(in)); string(got) != "abc" || !errors.Is(err, net.ErrClosed) {
		t.Errorf("%q, %v", got, err)
	}
}

// TestNoSecretInProxyEnvironment: errors do not repeat the password in a proxy's URL.
func TestNoSecretInProxyEnvironment(t *testing.T) {
	const secret = "s3cr3t-c4n4ry"
	err := environmentError(fmt.Errorf("invalid proxy address %q: %w", secret, &url.Error{Op: "parse", URL: secret, Err: errors.New(secret)}))
	if err == nil || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), "HTTP_PROXY") {
		t.Error(err)
	}
	if environmentError(nil) != nil {
		t.Error("an error of none")
	}
}
