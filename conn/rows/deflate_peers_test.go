package rows

import (
	"bytes"
	"compress/flate"
	"fmt"
	"math/rand/v2"
	"testing"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// Peers as they are: the offers that clients in use make, the answers that
// servers in use give, and what comes of them with the configurations that
// programs have.

// What is agreed on if one side can't be bound, or compresses each message by
// itself.
var (
	clientUnbound = handshake.Deflate{ServerMaxWindowBits: 12, ClientMaxWindowBits: 15}
	serverAlone   = handshake.Deflate{ServerNoContextTakeover: true, ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}
	clientAlone   = handshake.Deflate{ClientNoContextTakeover: true, ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}
)

const gorillaOffer = pmd + "; server_no_context_takeover; client_no_context_takeover"

// peerOffers have no id: they are no rows of the list.
var peerOffers = []offered{
	{"", "plain (Firefox, Safari, Jetty, Mojolicious, OkHttp)", everything, pmd, pmd + "; server_max_window_bits=12", clientUnbound},
	{"", "a window that may be bound (Chromium, ws, aiohttp, Tornado)", everything, freeOffer, pmd + "; server_max_window_bits=12; client_max_window_bits=12", windows(12)},
	{"", "both windows (websockets)", everything, pmd + "; server_max_window_bits=12; client_max_window_bits=12", pmd + "; server_max_window_bits=12; client_max_window_bits=12", windows(12)},
	{"", "no takeover (gorilla/websocket)", everything, gorillaOffer, gorillaOffer + "; server_max_window_bits=12", handshake.Deflate{ServerNoContextTakeover: true, ClientNoContextTakeover: true, ServerMaxWindowBits: 12, ClientMaxWindowBits: 15}},
	{"", "the second one may be bound", everything, pmd + ", " + freeOffer, pmd + "; server_max_window_bits=12; client_max_window_bits=12", windows(12)},
	{"", "no takeover here, plain", nothingHeld, pmd, pmd + "; server_no_context_takeover", serverAlone},
	{"", "no takeover here, a window that may be bound", nothingHeld, freeOffer, pmd + "; server_no_context_takeover; client_max_window_bits=12", handshake.Deflate{ServerNoContextTakeover: true, ServerMaxWindowBits: 15, ClientMaxWindowBits: 12}},
	{"", "no takeover on either side", nothingHeld, gorillaOffer, gorillaOffer, apart},
}

var peerAnswers = []answered{
	{"", "plain (Jetty, Undertow, Mojolicious)", everything, freeOffer, pmd, together},
	{"", "the offer without what has no value", everything, freeOffer, pmd, together},
	{"", "each window named", everything, freeOffer, pmd + "; server_max_window_bits=15; client_max_window_bits=15", together},
	{"", "the client's window named", everything, freeOffer, pmd + "; client_max_window_bits=15", together},
	{"", "both windows smaller (websockets)", everything, freeOffer, pmd + "; server_max_window_bits=12; client_max_window_bits=12", windows(12)},
	{"", "no takeover (gorilla/websocket)", everything, freeOffer, gorillaOffer, apart},
	{"", "no takeover here, the offer without what has no value", nothingHeld, aloneOffer, pmd, clientAlone},
	{"", "no takeover here, of one side", nothingHeld, aloneOffer, pmd + "; client_no_context_takeover", clientAlone},
	{"", "ten bits asked for, no word of them", maxWindows(10, 0), tenOffer, pmd, together},
	{"", "ten bits asked for, twelve granted", maxWindows(10, 0), tenOffer, pmd + "; server_max_window_bits=12", handshake.Deflate{ServerMaxWindowBits: 12, ClientMaxWindowBits: 15}},
}

// TestDeflatePeers: a client that makes an offer as it is made out there has
// its messages echoed, whether or not it can be bound, and a server's answer
// that grants more than was asked for is no reason to do without it.
func TestDeflatePeers(t *testing.T) {
	for _, o := range peerOffers {
		for _, d := range doors {
			t.Run("client/"+o.name+"/"+d.name, func(t *testing.T) { o.converse(t, d) })
		}
	}
	for _, a := range peerAnswers {
		t.Run("server/"+a.name, inDial(a.converse))
	}
}

// converse makes the offer and has messages echoed that refer to all that the
// client may refer to.
func (o *offered) converse(t *testing.T, d door) {
	p, agreed := negotiate(t, d, o.server, o.offer, o.answer)
	if agreed != o.agreed {
		t.Fatalf("agreed on %+v, want %+v", agreed, o.agreed)
	}
	out := sender{bits: agreed.ClientMaxWindowBits, takeover: !agreed.ClientNoContextTakeover}
	in := receiver{bits: agreed.ServerMaxWindowBits, takeover: !agreed.ServerNoContextTakeover}
	for _, s := range out.texts() {
		p.Send(frame.Header{Fin: true, RSV: frame.RSV1, Opcode: frame.Text, Masked: true}, out.message(s))
		in.want(t, p, s)
	}
	leave(p)
}

// converse answers the offer and speaks as freely as the answer lets the server.
func (a *answered) converse(l *dialing) {
	p, offer := l.asked(a.client, a.answer)
	if len(offer) != 1 || offer[0] != a.offer {
		l.Errorf("offer %q, want %q", offer, a.offer)
	}
	r := <-l.result
	if r.err != nil {
		l.Fatalf("Dial = %v, want nil", r.err)
	}
	agreed := r.c.Deflate()
	if agreed != a.agreed {
		l.Errorf("agreed on %+v, want %+v", agreed, a.agreed)
	}
	out := sender{bits: agreed.ServerMaxWindowBits, takeover: !agreed.ServerNoContextTakeover}
	in := receiver{bits: agreed.ClientMaxWindowBits, takeover: !agreed.ClientNoContextTakeover}
	if a.client.ClientWindowBits == 0 && in.takeover {
		in.bits = min(in.bits, 12) // of its own accord
	}
	for _, s := range out.texts() {
		p.Send(frame.Header{Fin: true, RSV: frame.RSV1, Opcode: frame.Text}, out.message(s))
		if _, got, err := r.c.Read(bg); err != nil || string(got) != s {
			l.Fatalf("read %d bytes, %v; want %d", len(got), err, len(s))
		}
		if err := r.c.Write(bg, ws.Text, []byte(s)); err != nil {
			l.Fatalf("Write = %v, want nil", err)
		}
		in.want(l.T, p, s)
	}
	l.hangUp(r, p)
}

// TestDeflateWindows: what compress/flate makes of texts is read, whichever
// window the sender has, and what is sent keeps to the receiver's.
func TestDeflateWindows(t *testing.T) {
	for bits := 8; bits <= 15; bits++ {
		for _, role := range []frame.Role{frame.Server, frame.Client} {
			for _, takeover := range []bool{true, false} {
				t.Run(fmt.Sprintf("%v/%d/takeover=%v", role, bits, takeover), func(t *testing.T) {
					agreed := windows(bits)
					agreed.ServerNoContextTakeover, agreed.ClientNoContextTakeover = !takeover, !takeover
					inZipLink(ws.Config{Compression: maxWindows(bits, bits)}, agreed, func(l *link) { l.exchange(bits, takeover) })(t, role)
				})
			}
		}
	}
}

// exchange has messages go both ways.
func (l *link) exchange(bits int, takeover bool) {
	out, in := sender{bits: bits, takeover: takeover}, receiver{bits: bits, takeover: takeover}
	for _, s := range out.texts() {
		l.p.Send(frame.Header{Fin: true, RSV: frame.RSV1, Opcode: frame.Text, Masked: l.role == frame.Server}, out.message(s))
		wantRead(l.T, l.c, s)
		l.send(0, ws.Text, s)
		in.want(l.T, l.p, s)
	}
	_ = l.c.CloseNow()
}

// sender compresses by compress/flate, which has one window of 32 KiB: less is
// had by messages of half a window, and by showing it no more than half a window
// of what was before.
type sender struct {
	bits     int
	takeover bool
	history  []byte
}

func (z *sender) message(s string) []byte {
	var b bytes.Buffer
	half := min(len(z.history), 1<<z.bits/2)
	w, err := flate.NewWriterDict(&b, 9, z.history[len(z.history)-half:])
	if err != nil {
		panic(err) // 9 is a level
	}
	_, _ = w.Write([]byte(s))
	_ = w.Flush()
	if z.takeover {
		z.history = append(z.history, s...)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\x00\x00\xff\xff"))
}

// texts are a few that share much with each other, and fill the window.
func (z *sender) texts() (texts []string) {
	r := rand.New(rand.NewPCG(uint64(z.bits), 7692))
	half := 1 << z.bits / 2
	pool := letters(4*half, 3)
	for i := range 12 {
		var b []byte
		for n := 1 + r.IntN(half); len(b) < n; {
			from := r.IntN(len(pool) - 60)
			b = append(b, pool[from:from+60]...)
		}
		texts = append(texts, string(b[:min(len(b), half-i)]))
	}
	return append(texts, "", "Hello", "Hello")
}

// receiver inflates, and watches that nothing refers to more than it holds.
type receiver struct {
	bits     int
	takeover bool
	z        bitInflater
}

func (r *receiver) want(t testing.TB, p *wstest.Peer, want string) {
	t.Helper()
	payload, _ := wantWire(t, p, frame.Text)
	if !r.takeover {
		r.z = bitInflater{}
	}
	r.z.TB = t
	if got := r.z.message(payload); got != want {
		t.Fatalf("got %d bytes %.60q, want %d bytes %.60q", len(got), got, len(want), want)
	}
	if r.z.far > 1<<r.bits {
		t.Fatalf("a distance of %d, want at most %d", r.z.far, 1<<r.bits)
	}
}
