package conn_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	endian "encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/big"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/conntest"
	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// TestFaults runs pairs of connections over faulty transports. Whatever
// happens, each message is delivered whole and in the order of its writer, or
// not at all; what was taken arrives if the connection ends cleanly; both sides
// learn of the end; no goroutine is left (synctest sees to that), no buffer goes
// back to its pool twice, and none is held after a clean end.
func TestFaults(t *testing.T) {
	seeds := uint64(120)
	if testing.Short() || ws.RaceEnabled {
		seeds = 25
	}
	clean := 0
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 0))
				a, b := wstest.Pipe(1 + r.IntN(4000))
				z := anyDeflate(r)
				n := ws.Negotiated{Deflate: z}
				s := newParty(t, ws.New(conntest.Faulty(a, anyFaults(r)), frame.Server, n, anyConfig(r, z)), r)
				c := newParty(t, ws.New(conntest.Faulty(b, anyFaults(r)), frame.Client, n, anyConfig(r, z)), r)
				pools := ws.WatchPools()
				ok := converse(t, s, c)
				if ok {
					clean++
				}
				synctest.Wait()
				if twice := pools.End(); twice > 0 {
					t.Errorf("%d buffers came back twice", twice)
				}
				for _, p := range []*party{s, c} {
					if n := ws.Held(p.c); ok && n > 0 {
						t.Errorf("a connection that ended cleanly holds %d bytes of buffers", n)
					}
				}
			})
		})
	}
	if clean < int(seeds)/10 || clean > int(seeds)*9/10 {
		t.Errorf("%d of %d connections ended cleanly: the faults are too many or too few", clean, seeds)
	}
}

// TestContextsNeverKill runs pairs over TLS, whose write errors are for good,
// and over TCP, with contexts that end at random: every connection ends cleanly
// all the same.
func TestContextsNeverKill(t *testing.T) {
	seeds := uint64(40)
	if testing.Short() || ws.RaceEnabled {
		seeds = 6
	}
	config := selfSigned(t)
	for seed := range seeds {
		for name, wrap := range map[string]func(server, client net.Conn) (net.Conn, net.Conn){
			"tcp": func(s, c net.Conn) (net.Conn, net.Conn) { return s, c },
			"tls": func(s, c net.Conn) (net.Conn, net.Conn) { return tls.Server(s, config), tls.Client(c, config) },
		} {
			t.Run(fmt.Sprintf("%s/%d", name, seed), func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 0))
				near, far := wstest.TCP(t)
				_ = near.SetWriteBuffer(8 << 10)
				server, client := wrap(near, far)
				if s, ok := server.(*tls.Conn); ok {
					go client.(*tls.Conn).Handshake()
					if err := s.Handshake(); err != nil { // the later one to end
						t.Fatal(err)
					}
				}
				z := anyDeflate(r)
				n := ws.Negotiated{Deflate: z}
				s := newParty(t, ws.New(server, frame.Server, n, anyConfig(r, z)), r)
				c := newParty(t, ws.New(client, frame.Client, n, anyConfig(r, z)), r)
				if !converse(t, s, c) {
					t.Errorf("the server's end: %v; the client's: %v", s.c.Err(), c.c.Err())
				}
			})
		}
	}
}

// anyDeflate is what a handshake may have agreed on, or nil.
func anyDeflate(r *rand.Rand) *handshake.Deflate {
	if r.IntN(2) == 0 {
		return nil
	}
	return &handshake.Deflate{
		ServerMaxWindowBits: 8 + r.IntN(8), ClientMaxWindowBits: 8 + r.IntN(8),
		ServerNoContextTakeover: r.IntN(3) == 0, ClientNoContextTakeover: r.IntN(3) == 0,
	}
}

func anyConfig(r *rand.Rand, z *handshake.Deflate) ws.Config {
	cfg := ws.Config{
		FragmentSize: 1 + r.IntN(3000), Queue: 1 << 20,
		KeepAlive: 2 * time.Second, PongTimeout: 30 * time.Second, WriteTimeout: 20 * time.Second,
	}
	if z != nil {
		cfg.Compression = ws.Compression{Mode: ws.CompressionTakeover, Threshold: r.IntN(200) - 1, Fragment: r.IntN(2) == 0}
	}
	return cfg
}

// anyFaults breaks a direction in one of four cases.
func anyFaults(r *rand.Rand) conntest.Faults {
	anyBreak := func() conntest.Break {
		return conntest.Break{
			How:   []conntest.Breakage{0, 0, 0, 0, 0, 0, 0, 0, 0, conntest.BreakError, conntest.BreakReset, conntest.BreakStall}[r.IntN(12)],
			After: r.Int64N(60000),
		}
	}
	return conntest.Faults{
		Seed: r.Uint64(), Piece: r.IntN(2) * (1 + r.IntN(900)), Delay: time.Duration(r.IntN(20)) * time.Millisecond,
		Read: anyBreak(), Write: anyBreak(),
	}
}

// Each party of a conversation has writers that send messages of their own.
const (
	writers  = 3
	messages = 30
)

// party is one end, with what it sent and what it received.
type party struct {
	t    *testing.T
	c    *ws.Conn
	seed [writers + 1]uint64

	taken    [writers][messages]bool // the call returned nil
	received [writers][]uint32
	peerDone chan struct{} // closed when the peer's last message has come
	read     sync.WaitGroup
}

func newParty(t *testing.T, c *ws.Conn, r *rand.Rand) *party {
	p := &party{t: t, c: c, peerDone: make(chan struct{})}
	for i := range p.seed {
		p.seed[i] = r.Uint64()
	}
	return p
}

// converse has both send, receive and close, and checks what came of it. It
// reports whether the connection ended cleanly on both sides.
func converse(t *testing.T, server, client *party) (clean bool) {
	var sending sync.WaitGroup
	for _, p := range []*party{server, client} {
		p.read.Go(p.receive)
		sending.Go(p.send)
	}
	sending.Wait()
	for _, p := range []*party{server, client} {
		select {
		case <-p.peerDone:
		case <-p.c.Done():
		}
	}
	_ = client.c.Close(ws.CloseNormal, "")
	for _, p := range []*party{server, client} {
		<-p.c.Done()
		p.read.Wait()
	}
	clean = isClean(server.c.Err()) && isClean(client.c.Err())
	server.check(client, clean)
	client.check(server, clean)
	return clean
}

func isClean(err error) bool {
	var end *ws.CloseError
	return errors.As(err, &end) && end.Clean()
}

// send runs the writers, then sends the last message.
func (p *party) send() {
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() { p.write(w) })
	}
	wg.Wait()
	_ = p.c.Write(context.Background(), ws.Text, []byte("end"))
}

// write is one writer: it goes on after a context's end, and stops at the
// connection's.
func (p *party) write(w int) {
	r := rand.New(rand.NewPCG(p.seed[w], 1))
	for i := range messages {
		err := sendAnyhow(r, p.c, message(r, w, i))
		p.taken[w][i] = err == nil
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, context.Canceled) && !errors.Is(err, ws.ErrQueueFull) {
			return
		}
	}
}

// message is number i of writer w: of any size, with a checksum.
func message(r *rand.Rand, w, i int) []byte {
	p := []byte{byte(w)}
	p = endian.BigEndian.AppendUint32(p, uint32(i))
	size := []int{0, 10, 300, 3000, 9000}[r.IntN(5)]
	for range size {
		p = append(p, "the quick brown fox"[r.IntN(19)])
	}
	return endian.BigEndian.AppendUint32(p, crc32.ChecksumIEEE(p))
}

// briefly is a context that may end before the call does.
func briefly(r *rand.Rand) (context.Context, context.CancelFunc) {
	if r.IntN(3) == 0 {
		return context.WithCancel(context.Background())
	}
	return context.WithTimeout(context.Background(), time.Duration(r.IntN(1<<r.IntN(24)))*time.Microsecond)
}

// sendAnyhow sends p in one of the ways.
func sendAnyhow(r *rand.Rand, c *ws.Conn, p []byte) error {
	ctx, cancel := briefly(r)
	defer cancel()
	t := ws.Binary
	if r.IntN(4) == 0 {
		t |= ws.Uncompressed
	}
	switch r.IntN(6) {
	case 0:
		return c.Append(t, p)
	case 1:
		return c.Send(t, p)
	case 2:
		return c.Write(context.Background(), t, p)
	case 3:
		prepared, err := ws.Prepare(t, p)
		if err != nil {
			return err
		}
		return c.WritePrepared(ctx, prepared)
	case 4:
		m, err := c.NextWriter(context.Background(), t)
		if err != nil {
			return err
		}
		for n := 0; n < len(p) && err == nil; n += min(len(p)-n, 700) {
			_, err = m.Write(p[n:min(len(p), n+700)])
		}
		return errors.Join(err, m.Close())
	}
	return c.Write(ctx, t, p)
}

// receive reads in changing ways until the end.
func (p *party) receive() {
	r := rand.New(rand.NewPCG(p.seed[writers], 1))
	for p.c.Err() == nil {
		if err := p.receiveAnyhow(r); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, context.Canceled) {
			return
		}
	}
}

func (p *party) receiveAnyhow(r *rand.Rand) error {
	ctx, cancel := briefly(r)
	defer cancel()
	var b []byte
	var err error
	switch r.IntN(4) {
	case 0:
		_, b, err = p.c.Read(ctx)
	case 1:
		_, b, err = p.c.ReadInto(ctx, nil)
	case 2:
		b, err = readPieces(ctx, p.c)
	case 3:
		return p.c.Serve(ctx, &ws.Events{Message: func(_ *ws.Conn, _ ws.MessageType, b []byte) {
			p.take(b)
			if r.IntN(3) == 0 {
				cancel()
			}
		}})
	}
	if err == nil {
		p.take(b)
	}
	return err
}

// readPieces reads a message through a MessageReader, which must be read to the
// end, under ctx and then without it.
func readPieces(ctx context.Context, c *ws.Conn) ([]byte, error) {
	_, m, err := c.NextReader(ctx)
	if err != nil {
		return nil, err
	}
	var all []byte
	for {
		some, err := io.ReadAll(m)
		all = append(all, some...)
		if err == nil {
			return all, nil
		}
		if ctx.Err() == nil {
			return nil, err
		}
		ctx = context.Background()
		if _, m, err = c.NextReader(ctx); err != nil {
			return nil, err
		}
	}
}

// take checks one message.
func (p *party) take(b []byte) {
	if string(b) == "end" {
		close(p.peerDone)
		return
	}
	n := len(b) - 4
	if n < 5 || crc32.ChecksumIEEE(b[:n]) != endian.BigEndian.Uint32(b[n:]) || b[0] >= writers {
		p.t.Errorf("a message of %d bytes that nobody sent", len(b))
		return
	}
	p.received[b[0]] = append(p.received[b[0]], endian.BigEndian.Uint32(b[1:]))
}

// check compares what p received with what other sent.
func (p *party) check(other *party, clean bool) {
	for w := range writers {
		next := 0
		for _, i := range p.received[w] {
			if int(i) < next || int(i) >= messages {
				p.t.Errorf("writer %d: message %d came after %d", w, i, next-1)
				return
			}
			for ; clean && next < int(i); next++ {
				if other.taken[w][next] {
					p.t.Errorf("writer %d: message %d was taken and never came", w, next)
				}
			}
			next = int(i) + 1
		}
		for ; clean && next < messages; next++ {
			if other.taken[w][next] {
				p.t.Errorf("writer %d: message %d was taken and never came", w, next)
			}
		}
	}
}

// selfSigned is a configuration for both sides of TLS.
func selfSigned(t *testing.T) *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(crand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		RootCAs:      roots, ServerName: "localhost",
	}
}
