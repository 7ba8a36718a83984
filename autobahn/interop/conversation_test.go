package interop

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	ws "github.com/rfc6455/ws/conn"
)

// aspect is one thing that a conversation shows: a column of docs/interop.md.
type aspect string

const (
	text           aspect = "text"
	binary         aspect = "binary"
	ourFragments   aspect = "fragments from us"
	theirFragments aspect = "fragments from the peer"
	largest        aspect = "16 MiB"
	ourPing        aspect = "ping from us"
	theirPing      aspect = "ping from the peer"
	ourClose       aspect = "close from us"
	theirClose     aspect = "close from the peer"
	between        aspect = "pings between our fragments"
	overTLS        aspect = "TLS"
	empty          aspect = "empty messages"
)

// message is one message, either way.
type message struct {
	ws.MessageType
	data []byte
}

// conversation is a connection with a peer, which echoes. A goroutine reads it.
type conversation struct {
	*ws.Conn
	ctx   context.Context
	with  *subject
	got   chan message
	ended chan error
	raw   *wiretap // nil: nobody listens
}

// converse begins a conversation on an open connection. The reader is Serve
// where this side is the server, else Read.
func converse(ctx context.Context, c *ws.Conn, with *subject, raw *wiretap) *conversation {
	v := &conversation{Conn: c, ctx: ctx, with: with, got: make(chan message, 100), ended: make(chan error, 1), raw: raw}
	if with.role == asClient {
		go func() {
			v.ended <- c.Serve(context.Background(), &ws.Events{Message: func(_ *ws.Conn, mt ws.MessageType, p []byte) {
				v.got <- message{mt, bytes.Clone(p)}
			}})
		}()
		return v
	}
	go func() {
		for {
			mt, p, err := c.Read(context.Background())
			if err != nil {
				v.ended <- err
				return
			}
			v.got <- message{mt, p}
		}
	}()
	return v
}

// texts and binaries are messages of every length class, among them some that
// are like those before them, for takeover.
var texts, binaries = sync.OnceValue(makeTexts), sync.OnceValue(makeBinaries)

func makeTexts() (list []message) {
	for _, s := range []string{"", "a", "κόσμε 𝄞", strings.Repeat("x", 125), strings.Repeat("x", 126), strings.Repeat("x", 65535), strings.Repeat("x", 65536)} {
		list = append(list, message{ws.Text, []byte(s)})
	}
	users := userText(80_000)
	for _, p := range [][]byte{users, users[:700], users[100:900], users[:700]} {
		list = append(list, message{ws.Text, p})
	}
	return list
}

func makeBinaries() (list []message) {
	data := noise(200_000)
	for _, p := range [][]byte{nil, data[:1], data[:125], data[:126], data[:300], data, data[:300]} {
		list = append(list, message{ws.Binary, p})
	}
	return list
}

// userText is text that compresses well.
func userText(n int) []byte {
	p := make([]byte, 0, n+50)
	for i := 0; len(p) < n; i++ {
		p = fmt.Appendf(p, `{"id":%d,"name":"user %d"}`, i*7919%1000, i%17)
	}
	return p[:n]
}

// noise is bytes that do not.
func noise(n int) []byte {
	p := make([]byte, n)
	for i, x := 0, 1; i < n; i++ {
		x = (x*75 + 74) % 65537
		p[i] = byte(x)
	}
	return p
}

// large are messages of 16 MiB.
var large = sync.OnceValue(func() []message {
	return []message{{ws.Text, userText(16 << 20)}, {ws.Binary, noise(16 << 20)}}
})

// exchange sends messages while their echoes come.
func (v *conversation) exchange(list []message) error {
	if !v.can(empty) {
		list = slices.DeleteFunc(slices.Clone(list), func(m message) bool { return len(m.data) == 0 })
	}
	sent := make(chan error, 1)
	go func() {
		for _, m := range list {
			if err := v.Write(v.ctx, m.MessageType, m.data); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	for i, want := range list {
		if err := v.want(want); err != nil {
			return fmt.Errorf("message %d of %d: %w", i, len(list), err)
		}
	}
	return <-sent
}

// want waits for a message.
func (v *conversation) want(want message) error {
	select {
	case got := <-v.got:
		if got.MessageType != want.MessageType || !bytes.Equal(got.data, want.data) {
			return fmt.Errorf("got %v of %d bytes, want %v of %d", got.MessageType, len(got.data), want.MessageType, len(want.data))
		}
		return nil
	case err := <-v.ended:
		v.ended <- err
		return err
	case <-v.ctx.Done():
		return v.ctx.Err()
	}
}

// ask sends a command.
func (v *conversation) ask(format string, args ...any) error {
	return v.Write(v.ctx, ws.Text, fmt.Appendf(nil, format, args...))
}

// fragmented are messages that all peers split when they are asked to.
var fragmented = sync.OnceValue(func() []message {
	p := noise(600_000) // long even when compressed: some libraries begin a new frame after 128 KiB
	return []message{{ws.Text, []byte(base64.StdEncoding.EncodeToString(p))}, {ws.Binary, p}}
})

// askFragments has the peer send messages in fragments, and looks whether they
// came so, where somebody listens.
func (v *conversation) askFragments() error {
	for _, m := range fragmented() {
		before := 0
		if v.raw != nil {
			before = v.raw.fragments()
		}
		if err := v.ask("/fragments"); err != nil {
			return err
		}
		if err := v.exchange([]message{m}); err != nil {
			return err
		}
		if v.raw != nil && v.raw.fragments() == before {
			return fmt.Errorf("the %v message came whole", m.MessageType)
		}
	}
	return nil
}

// sendFragments sends messages in fragments of Config.FragmentSize.
func (v *conversation) sendFragments() error { return v.exchange(fragmented()) }

// pingBetween is sendFragments with pings between the fragments.
func (v *conversation) pingBetween() error {
	pinged := make(chan error, 1)
	go func() {
		for range 20 {
			if _, err := v.Ping(v.ctx); err != nil {
				pinged <- err
				return
			}
		}
		pinged <- nil
	}()
	if err := v.exchange(fragmented()); err != nil {
		return err
	}
	return <-pinged
}

func (v *conversation) ping() error {
	rtt, err := v.Ping(v.ctx)
	if err == nil && rtt <= 0 {
		err = fmt.Errorf("the pong took %v", rtt)
	}
	return err
}

func (v *conversation) askPing() error {
	if err := v.ask("/ping are you there"); err != nil {
		return err
	}
	return v.want(message{ws.Text, []byte("pong are you there")})
}

// end closes the connection; the peer tells the code and the reason.
func (v *conversation) end() error {
	if err := v.Close(4001, "enough"); err != nil {
		return err
	}
	return v.finish(false, "4001 enough")
}

// askEnd has the peer close the connection.
func (v *conversation) askEnd() error {
	if err := v.ask("/close 4002 bye"); err != nil {
		return err
	}
	return v.finish(true, "4002 bye")
}

// finish waits for the end on both sides.
func (v *conversation) finish(remote bool, want string) error {
	select {
	case <-v.ended:
	case <-v.ctx.Done():
		return v.ctx.Err()
	}
	var end *ws.CloseError
	if got := v.Err(); !errors.As(got, &end) || !end.Clean() || end.Remote != remote {
		return fmt.Errorf("ended with %v, want %s, from the peer: %v", got, want, remote)
	}
	if got := strings.TrimSpace(fmt.Sprint(int(end.Code), " ", end.Reason)); remote && got != want {
		return fmt.Errorf("the peer closed with %q, want %q", got, want)
	}
	told := v.with.peer.told
	if told == nothing {
		return nil
	}
	got, err := v.with.program.hear(v.ctx, "closed")
	if told == neither {
		return err
	}
	if remote || told == codeAlone { // this side's answer has no reason
		want, _, _ = strings.Cut(want, " ")
		got, _, _ = strings.Cut(got, " ")
	}
	if err == nil && got != want {
		err = fmt.Errorf("the peer saw the end %q, want %q", got, want)
	}
	return err
}

// deadline is a context for one conversation.
func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}
