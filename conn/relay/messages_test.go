package relay_test

import (
	"errors"
	"strings"
	"testing"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/relay"
)

// TestInspect sees each message of both directions, and may change, drop and refuse it.
func TestInspect(t *testing.T) {
	inspect := func(m *relay.Message) error {
		switch s := string(m.Data); {
		case s == "drop":
			return relay.ErrDrop
		case s == "refuse":
			return errors.New("an error whose text is nobody's business")
		case s == "own":
			return &ws.CloseError{Code: 4008, Reason: "no"}
		case m.FromClient:
			m.Data = []byte(strings.ToUpper(s) + m.Request.URL.Path)
		default:
			m.Type = ws.Binary
			m.Data[0]++
		}
		return nil
	}
	s := setup{messages: &relay.Messages{Inspect: inspect}}
	for last, code := range map[string]ws.CloseCode{"refuse": ws.ClosePolicyViolation, "own": 4008} {
		b := newBridge(t, s)
		ctx := within(t)
		for _, text := range []string{"drop", "hello"} {
			_ = b.client.Write(ctx, ws.Text, []byte(text))
			_ = b.backend.Write(ctx, ws.Text, []byte(text))
		}
		if typ, p, err := b.backend.Read(ctx); err != nil || typ != ws.Text || string(p) != "HELLO/" {
			t.Errorf("the backend got %v %q, %v, want HELLO/", typ, p, err)
		}
		if typ, p, err := b.client.Read(ctx); err != nil || typ != ws.Binary || string(p) != "iello" {
			t.Errorf("the client got %v %q, %v, want iello", typ, p, err)
		}
		ends := make(chan error, 2)
		for _, c := range []*ws.Conn{b.client, b.backend} {
			go func() { _, _, err := c.Read(ctx); ends <- err }()
		}
		_ = b.backend.Write(ctx, ws.Text, []byte(last))
		for range 2 {
			reason := ""
			if last == "own" {
				reason = "no"
			}
			wantEnd(t, last, <-ends, code, reason, true)
		}
		b.end(t)
	}
}

// TestMessageLimit ends both sides if a message is too big for one of them.
func TestMessageLimit(t *testing.T) {
	b := newBridge(t, setup{messages: &relay.Messages{Client: ws.Config{MaxMessageSize: 1000}}})
	echo(t, b.backend, b.client, ws.Binary, make([]byte, 2000))
	echo(t, b.client, b.backend, ws.Binary, make([]byte, 1000))
	go b.client.Write(within(t), ws.Binary, make([]byte, 1001))
	_, _, err := b.client.Read(within(t))
	if code, _ := ws.CloseStatus(err); code != ws.CloseMessageTooBig {
		t.Errorf("the client: %v, want 1009", err)
	}
	_, _, err = b.backend.Read(within(t))
	wantEnd(t, "the backend", err, ws.CloseAbnormal, "", false)
}

// TestInspectSpoils: a message that Inspect has made unfit to be sent ends both sides. It is not
// lost in silence.
func TestInspectSpoils(t *testing.T) {
	spoil := map[string]func(*relay.Message){
		"text that is not UTF-8": func(m *relay.Message) { m.Data = []byte{0xff} },
		"no type of a message":   func(m *relay.Message) { m.Type = 0 },
	}
	for name, f := range spoil {
		t.Run(name, func(t *testing.T) {
			inspect := func(m *relay.Message) error {
				if string(m.Data) == "spoil" {
					f(m)
				}
				return nil
			}
			b := newBridge(t, setup{messages: &relay.Messages{Inspect: inspect}})
			for _, text := range []string{"spoil", "next"} {
				if err := b.client.Write(within(t), ws.Text, []byte(text)); err != nil {
					t.Fatal(err)
				}
			}
			go b.client.Read(within(t))
			_, p, err := b.backend.Read(within(t))
			if code, _ := ws.CloseStatus(err); code != ws.CloseInternalError {
				t.Errorf("the backend got %q, %v, want 1011", p, err)
			}
			if end := b.end(t); end.Err == nil {
				t.Error("End.Err is nil, want why")
			}
		})
	}
}
