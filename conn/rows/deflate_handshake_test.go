package rows

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// The rows of RFC 7692 on what is agreed on, section 13 of the list, and that
// it is kept.

// nothingHeld is a side that wants no takeover in either direction.
var nothingHeld = ws.Compression{Mode: ws.CompressionNoTakeover, Threshold: -1}

// maxWindows is a side with windows of these sizes; 0 stands for the largest.
func maxWindows(server, client int) ws.Compression {
	z := everything
	z.ServerWindowBits, z.ClientWindowBits = server, client
	if server == 0 {
		z.ServerWindowBits = 15
	}
	if client == 0 {
		z.ClientWindowBits = 15
	}
	return z
}

// demanding is z if it insists on what a client did not offer.
func demanding(z ws.Compression) ws.Compression {
	z.WindowPolicy = ws.WindowDemand
	return z
}

// declining is z if it does without a peer that can't be bound.
func declining(z ws.Compression) ws.Compression {
	z.WindowPolicy = ws.WindowDecline
	return z
}

// offered is an offer and the answer of a server that is set to something; "":
// the offer is declined, which is no error.
type offered struct {
	id, name      string
	server        ws.Compression
	offer, answer string
	agreed        handshake.Deflate
}

const pmd = "permessage-deflate"

// offers are those that need a server of their own. The others are in package
// handshake's table.
var offers = []offered{
	{"PD-7-01", "an unsupported configuration, the next offer", maxWindows(0, 9), pmd + ", " + pmd + "; client_max_window_bits", pmd + "; client_max_window_bits=9", handshake.Deflate{ServerMaxWindowBits: 15, ClientMaxWindowBits: 9}},
	{"PD-7-01", "nothing valid, insisted on", maxWindows(0, 9), pmd + "; client_max_window_bits=16", "", handshake.Deflate{}},
	{"PD-7.1.1-05", "unasked", demanding(nothingHeld), pmd, pmd + "; server_no_context_takeover; client_no_context_takeover", apart},
	{"PD-7.1.1-07", "not offered, taken as it is", nothingHeld, pmd + "; server_no_context_takeover", pmd + "; server_no_context_takeover", handshake.Deflate{ServerNoContextTakeover: true, ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}},
	{"PD-7.1.1-07", "not offered, declined", declining(nothingHeld), pmd + "; server_no_context_takeover", "", handshake.Deflate{}},
	{"PD-7.1.1-07", "demanded unasked", demanding(nothingHeld), pmd + "; server_no_context_takeover", pmd + "; server_no_context_takeover; client_no_context_takeover", apart},
	{"PD-7.1.2-11", "the server's bound is smaller", maxWindows(9, 0), pmd + "; server_max_window_bits=12", pmd + "; server_max_window_bits=9", handshake.Deflate{ServerMaxWindowBits: 9, ClientMaxWindowBits: 15}},
	{"PD-7.1.2-11", "the server's bound is larger", maxWindows(12, 0), pmd + "; server_max_window_bits=9", pmd + "; server_max_window_bits=9", handshake.Deflate{ServerMaxWindowBits: 9, ClientMaxWindowBits: 15}},
	{"PD-7.1.2-12", "unasked", maxWindows(10, 0), pmd, pmd + "; server_max_window_bits=10", handshake.Deflate{ServerMaxWindowBits: 10, ClientMaxWindowBits: 15}},
	{"PD-7.1.2-12", "the default", everything, pmd + "; client_max_window_bits", pmd + "; server_max_window_bits=12; client_max_window_bits=12", windows(12)},
	{"PD-7.1.2-15", "not offered, insisted on", demanding(maxWindows(0, 10)), pmd, pmd + "; client_no_context_takeover", handshake.Deflate{ClientNoContextTakeover: true, ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}},
	{"PD-7.1.2-15", "not offered twice, insisted on", demanding(maxWindows(0, 10)), pmd + "; server_no_context_takeover, " + pmd, pmd + "; server_no_context_takeover; client_no_context_takeover", apart},
	{"PD-7.1.2-15", "not offered by what is valid, insisted on", demanding(maxWindows(0, 10)), pmd + "; client_max_window_bits=16, " + pmd, pmd + "; client_no_context_takeover", handshake.Deflate{ClientNoContextTakeover: true, ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}},
	{"PD-7.1.2-15", "not offered, taken as it is", maxWindows(0, 10), pmd, pmd, together},
	{"PD-7.1.2-15", "not offered, declined", declining(maxWindows(0, 10)), pmd, "", handshake.Deflate{}},
	{"PD-7.1.2-15", "not offered to the default", everything, pmd, pmd + "; server_max_window_bits=12", handshake.Deflate{ServerMaxWindowBits: 12, ClientMaxWindowBits: 15}},
	{"PD-7.1.2-19", "at most the hint", maxWindows(0, 10), pmd + "; client_max_window_bits=12", pmd + "; client_max_window_bits=10", handshake.Deflate{ServerMaxWindowBits: 15, ClientMaxWindowBits: 10}},
	{"PD-7.1.2-19", "the hint is smaller", maxWindows(0, 10), pmd + "; client_max_window_bits=9", pmd + "; client_max_window_bits=9", handshake.Deflate{ServerMaxWindowBits: 15, ClientMaxWindowBits: 9}},
	{"PD-7.1.3-24", "the RFC's offer, a larger server", maxWindows(12, 12), pmd + "; client_max_window_bits; server_max_window_bits=10, " + pmd + "; client_max_window_bits", pmd + "; server_max_window_bits=10; client_max_window_bits=12", handshake.Deflate{ServerMaxWindowBits: 10, ClientMaxWindowBits: 12}},
	{"PD-7-25", "beside the real one", maxWindows(0, 0), "x-webkit-deflate-frame, " + pmd + ", permessage-bzip2", pmd, together},
}

// deflateDoors are the rows of a server.
func deflateDoors(q *requirements) {
	ours := map[string]bool{}
	for _, o := range offers {
		ours[o.id+o.name] = true
		q.doors(o.id, o.name, o.run)
	}
	for _, row := range rows[requestRow]("server_rows.json") {
		if ofDeflate(row.ID) && !ours[row.ID+row.Note] {
			q.doors(row.ID, row.Note, row.run)
		}
	}
	q.doors("PD-7.1.1-04", "kept", keepsNoTakeover)
	q.doors("PD-7.1.1-07", "kept", wantsNoTakeover)
	q.doors("PD-7.1.2-11", "kept", keepsWindow)
	q.doors("PD-7.1.2-19", "held to", wantsWindow)
}

// negotiate makes an offer to a server, which echoes, and returns the client
// behind the answer, which must be this, and what the server's connection says
// was agreed on.
func negotiate(t *testing.T, d door, z ws.Compression, offer, answer string) (*wstest.Peer, handshake.Deflate) {
	t.Helper()
	agreed := make(chan handshake.Deflate, 1)
	u := &ws.Upgrader{Config: ws.Config{Compression: z}}
	nc := d.start(t, u, func(c *ws.Conn, r *handshake.Request, err error) {
		if err == nil {
			agreed <- c.Deflate()
		}
		echoing(c, r, err)
	})
	a, r := open(t, nc, r0+"Sec-WebSocket-Extensions: "+offer+"\r\n\r\n", 101)
	var want []string
	if answer != "" {
		want = []string{answer}
	}
	if got := a.header.Values("Sec-WebSocket-Extensions"); !slices.Equal(got, want) {
		t.Fatalf("offer %q: answer %q, want %q", offer, got, want)
	}
	return wstest.NewPeer(t, readConn{nc, r}, frame.Client), <-agreed
}

// leave ends a connection in order.
func leave(p *wstest.Peer) {
	p.Close(ws.CloseNormal, "")
	p.WantClose(ws.CloseNormal)
	p.WantEOF()
}

// run makes the offer. Messages follow: compressed if that was agreed on.
func (o *offered) run(t *testing.T, d door) {
	p, agreed := negotiate(t, d, o.server, o.offer, o.answer)
	if agreed != o.agreed {
		t.Errorf("agreed on %+v, want %+v", agreed, o.agreed)
	}
	p.Text("Hello")
	if o.answer == "" {
		p.WantText("Hello")
	} else if payload, _ := wantWire(t, p, frame.Text); alone(t, payload) != "Hello" {
		t.Errorf("echo %x, want one that stands for Hello", payload)
	}
	leave(p)
}

// keepsNoTakeover: a server that was asked for no takeover compresses each
// message by itself.
func keepsNoTakeover(t *testing.T, d door) {
	p, agreed := negotiate(t, d, maxWindows(0, 0), pmd+"; server_no_context_takeover", pmd+"; server_no_context_takeover")
	if want := (handshake.Deflate{ServerNoContextTakeover: true, ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}); agreed != want {
		t.Errorf("agreed on %+v, want %+v", agreed, want)
	}
	s := string(letters(300, 1))
	var first []byte
	for range 3 {
		p.Text(s)
		payload, _ := wantWire(t, p, frame.Text)
		if first == nil {
			first = payload
		}
		if alone(t, payload) != s || !bytes.Equal(payload, first) {
			t.Errorf("echo of %d bytes, want the %d bytes of the first, that stand for the same", len(payload), len(first))
		}
	}
	p.SendBytes(wire(frame.Server, hello+"|"+again)) // the other direction has takeover
	for range 2 {
		if payload, _ := wantWire(t, p, frame.Text); alone(t, payload) != "Hello" {
			t.Errorf("echo %x, want one that stands for Hello by itself", payload)
		}
	}
	leave(p)
}

// wantsNoTakeover: what a client has agreed not to refer to is not there, the
// one included that could not be bound.
func wantsNoTakeover(t *testing.T, d door) {
	const one = pmd + "; client_no_context_takeover"
	const both = pmd + "; server_no_context_takeover; client_no_context_takeover"
	for _, o := range []offered{
		{server: demanding(nothingHeld), offer: pmd, answer: both},
		{server: maxWindows(0, 0), offer: both, answer: both},
		{server: demanding(maxWindows(0, 10)), offer: pmd, answer: one},
	} {
		p, _ := negotiate(t, d, o.server, o.offer, o.answer)
		p.SendBytes(wire(frame.Server, hello+"|"+again))
		if payload, _ := wantWire(t, p, frame.Text); alone(t, payload) != "Hello" {
			t.Errorf("echo %x, want one that stands for Hello by itself", payload)
		}
		p.WantClose(ws.CloseInvalidPayload)
		p.WantEOF()
	}
}

// keepsWindow: a server's messages refer to no more than it was asked for.
func keepsWindow(t *testing.T, d door) {
	for bits := 8; bits <= 15; bits++ {
		bound := fmt.Sprintf("%s; server_max_window_bits=%d", pmd, bits)
		p, _ := negotiate(t, d, maxWindows(0, 0), bound, bound)
		p.Text(repetitions(1 << bits))
		wantWindow(t, p, &bitInflater{TB: t}, 1<<bits)
		leave(p)
	}
}

// wantsWindow: a client may refer to all of the window that it was granted, and
// to nothing beyond.
func wantsWindow(t *testing.T, d door) {
	const size = 1 << 10
	for distance, code := range map[int]frame.CloseCode{size: ws.CloseNormal, size + 1: ws.CloseInvalidPayload} {
		p, _ := negotiate(t, d, maxWindows(0, 10), pmd+"; client_max_window_bits", pmd+"; client_max_window_bits=10")
		p.SendBytes(wire(frame.Server, frameOf(0xc1, deflate(letters(size+100, 1)))))
		wantWire(t, p, frame.Text)
		p.SendBytes(wire(frame.Server, frameOf(0xc1, reference(distance))))
		if code == ws.CloseNormal {
			wantWire(t, p, frame.Text)
			p.Close(code, "")
		}
		p.WantClose(code)
		p.WantEOF()
	}
}

// answered is an answer and what a client that is set to something makes of it:
// an agreement, or the zero value if it fails the connection.
type answered struct {
	id, name      string
	client        ws.Compression
	offer, answer string
	agreed        handshake.Deflate
}

// The offers of clients with these configurations. A client always lets the
// server bound its window, since it can do that.
const (
	freeOffer  = pmd + "; client_max_window_bits"
	aloneOffer = pmd + "; server_no_context_takeover; client_no_context_takeover; client_max_window_bits"
	tenOffer   = pmd + "; server_max_window_bits=10; client_max_window_bits, " + pmd + "; server_no_context_takeover; client_max_window_bits"
)

var answers = []answered{
	{"PD-7-02", "unknown", maxWindows(0, 0), freeOffer, pmd + "; foo", handshake.Deflate{}},
	{"PD-7-02", "repeated", maxWindows(0, 0), freeOffer, pmd + "; server_no_context_takeover; server_no_context_takeover", handshake.Deflate{}},
	{"PD-7-02", "invalid", maxWindows(0, 0), freeOffer, pmd + "; server_max_window_bits=16", handshake.Deflate{}},
	{"PD-7-02", "leading zero", maxWindows(0, 0), freeOffer, pmd + "; server_max_window_bits=08", handshake.Deflate{}},
	{"PD-7-02", "too small", maxWindows(0, 0), freeOffer, pmd + "; server_max_window_bits=7", handshake.Deflate{}},
	{"PD-7-02", "no value", maxWindows(0, 0), freeOffer, pmd + "; server_max_window_bits", handshake.Deflate{}},
	{"PD-7.1.1-03", "a value where none belongs", maxWindows(0, 0), freeOffer, pmd + "; server_no_context_takeover=1", handshake.Deflate{}},
	{"PD-7.1.1-03", "the client's", maxWindows(0, 0), freeOffer, pmd + "; client_no_context_takeover=1", handshake.Deflate{}},
	{"PD-7.1.1-05", "unasked", maxWindows(0, 0), freeOffer, pmd + "; server_no_context_takeover", handshake.Deflate{ServerNoContextTakeover: true, ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}},
	{"PD-7.1.1-06", "not granted", declining(nothingHeld), aloneOffer, pmd, handshake.Deflate{}},
	{"PD-7.1.1-06", "the other is granted", declining(nothingHeld), aloneOffer, pmd + "; client_no_context_takeover", handshake.Deflate{}},
	{"PD-7.1.1-06", "not granted, taken as it is", nothingHeld, aloneOffer, pmd, handshake.Deflate{ClientNoContextTakeover: true, ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}},
	{"PD-7.1.1-06", "granted", nothingHeld, aloneOffer, pmd + "; server_no_context_takeover", apart},
	{"PD-7.1.1-08", "demanded", maxWindows(0, 0), freeOffer, pmd + "; client_no_context_takeover", handshake.Deflate{ClientNoContextTakeover: true, ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}},
	{"PD-7.1.2-12", "unasked", maxWindows(0, 0), freeOffer, pmd + "; server_max_window_bits=8", handshake.Deflate{ServerMaxWindowBits: 8, ClientMaxWindowBits: 15}},
	{"PD-7.1.2-13", "larger than asked for", declining(maxWindows(10, 0)), tenOffer, pmd + "; server_max_window_bits=12", handshake.Deflate{}},
	{"PD-7.1.2-13", "not granted", declining(maxWindows(10, 0)), tenOffer, pmd, handshake.Deflate{}},
	{"PD-7.1.2-13", "larger than asked for, taken as it is", maxWindows(10, 0), tenOffer, pmd + "; server_max_window_bits=12", handshake.Deflate{ServerMaxWindowBits: 12, ClientMaxWindowBits: 15}},
	{"PD-7.1.2-13", "not granted, taken as it is", maxWindows(10, 0), tenOffer, pmd, together},
	{"PD-7.1.2-13", "the other offer", maxWindows(10, 0), tenOffer, pmd + "; server_no_context_takeover", handshake.Deflate{ServerNoContextTakeover: true, ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}},
	{"PD-7.1.2-13", "the other offer, with a window", maxWindows(10, 0), tenOffer, pmd + "; server_max_window_bits=12; server_no_context_takeover", handshake.Deflate{ServerNoContextTakeover: true, ServerMaxWindowBits: 12, ClientMaxWindowBits: 15}},
	{"PD-7.1.2-13", "smaller", maxWindows(10, 0), tenOffer, pmd + "; server_max_window_bits=9", handshake.Deflate{ServerMaxWindowBits: 9, ClientMaxWindowBits: 15}},
	{"PD-7.1.2-16", "", ws.Compression{}, "", pmd + "; client_max_window_bits=10", handshake.Deflate{}},
	{"PD-7.1.2-17", "no value", maxWindows(0, 0), freeOffer, pmd + "; client_max_window_bits", handshake.Deflate{}},
	{"PD-7.1.2-17", "16", maxWindows(0, 0), freeOffer, pmd + "; client_max_window_bits=16", handshake.Deflate{}},
	{"PD-7.1.2-17", "9", maxWindows(0, 0), freeOffer, pmd + "; client_max_window_bits=9", handshake.Deflate{ServerMaxWindowBits: 15, ClientMaxWindowBits: 9}},
	{"PD-7.1.2-18", "larger than promised", maxWindows(0, 10), freeOffer + "=10", pmd + "; client_max_window_bits=15", handshake.Deflate{ServerMaxWindowBits: 15, ClientMaxWindowBits: 10}},
	{"PD-7.1.2-18", "left out", maxWindows(0, 10), freeOffer + "=10", pmd, handshake.Deflate{ServerMaxWindowBits: 15, ClientMaxWindowBits: 10}},
	{"PD-7.1.2-20", "without a word", maxWindows(0, 0), freeOffer, pmd, together},
	{"PD-5.1-22", "twice", maxWindows(0, 0), freeOffer, pmd + ", " + pmd, handshake.Deflate{}},
	{"PD-5.1-22", "over two lines", maxWindows(0, 0), freeOffer, pmd + "\r\nSec-WebSocket-Extensions: " + pmd, handshake.Deflate{}},
	{"PD-7.1.3-24", "", maxWindows(10, 0), tenOffer, pmd + "; server_max_window_bits=10", handshake.Deflate{ServerMaxWindowBits: 10, ClientMaxWindowBits: 15}},
	{"PD-7-25", "a legacy name", maxWindows(0, 0), freeOffer, "x-webkit-deflate-frame", handshake.Deflate{}},
}

// deflateDialing are the rows of a client.
func deflateDialing(q *requirements) {
	for _, a := range answers {
		q.client(a.id, a.name, inDial(a.run))
	}
	q.client("PD-7.1.1-08", "kept", inDial(clientKeepsNoTakeover))
	q.client("PD-7.1.2-17", "kept", inDial(func(l *dialing) {
		for bits := 8; bits <= 15; bits++ {
			clientKeepsWindow(l, maxWindows(12, 0), fmt.Sprintf("; client_max_window_bits=%d", bits), bits)
		}
	}))
	q.client("PD-7.1.2-18", "kept", inDial(func(l *dialing) {
		clientKeepsWindow(l, maxWindows(12, 10), "; client_max_window_bits=15", 10)
		clientKeepsWindow(l, maxWindows(12, 8), "", 8)
	}))
}

// asked dials with z, and has the server answer the extensions, the offer of
// which is returned.
func (l *dialing) asked(z ws.Compression, answer string) (p *wstest.Peer, offer []string) {
	l.Helper()
	l.d.Compression = z
	p, head := l.request("ws://server.example.com/chat")
	p.SendBytes(withAccept(head, a0+"Sec-WebSocket-Extensions: "+answer+"\r\n\r\n"))
	return p, header(head, "Sec-WebSocket-Extensions")
}

// run compares the offer, and what comes of the answer.
func (a *answered) run(l *dialing) {
	p, offer := l.asked(a.client, a.answer)
	if want := slices.DeleteFunc([]string{a.offer}, func(s string) bool { return s == "" }); !slices.Equal(offer, want) {
		l.Errorf("offer %q, want %q", offer, want)
	}
	if a.agreed == (handshake.Deflate{}) {
		if e, _ := l.wantRefused(p); e.Field != "Sec-WebSocket-Extensions" {
			l.Errorf("field %q, want Sec-WebSocket-Extensions: %v", e.Field, e)
		}
		return
	}
	r := <-l.result
	if r.err != nil || r.c.Deflate() != a.agreed {
		l.Fatalf("Dial = %v; agreed on %+v, want %+v", r.err, r.c.Deflate(), a.agreed)
	}
	if err := r.c.Write(bg, ws.Text, []byte("Hello")); err != nil {
		l.Fatalf("Write = %v, want nil", err)
	}
	if payload, _ := wantWire(l.T, p, frame.Text); alone(l.T, payload) != "Hello" {
		l.Errorf("sent %x, want what stands for Hello", payload)
	}
	p.SendBytes(wire(frame.Client, hello))
	if _, b, err := r.c.Read(bg); err != nil || string(b) != "Hello" {
		l.Errorf("Read = %q, %v, want Hello", b, err)
	}
	l.hangUp(r, p)
}

// clientKeepsNoTakeover: a client does without takeover if the server
// demands it, and the server does not have to.
func clientKeepsNoTakeover(l *dialing) {
	p, _ := l.asked(maxWindows(0, 0), pmd+"; client_no_context_takeover")
	r := <-l.result
	if r.err != nil {
		l.Fatalf("Dial = %v, want nil", r.err)
	}
	for range 2 {
		if err := r.c.Write(bg, ws.Text, []byte("Hello")); err != nil {
			l.Fatalf("Write = %v, want nil", err)
		}
		if payload, _ := wantWire(l.T, p, frame.Text); !bytes.Equal(payload, wstest.Hex("f248cdc9c90700")) {
			l.Errorf("sent %x, want f248cdc9c90700", payload)
		}
	}
	p.SendBytes(wire(frame.Client, hello+"|"+again))
	for range 2 {
		if _, b, err := r.c.Read(bg); err != nil || string(b) != "Hello" {
			l.Errorf("Read = %q, %v, want Hello", b, err)
		}
	}
	l.hangUp(r, p)
}

// clientKeepsWindow: a client's messages refer to no more than was agreed on.
func clientKeepsWindow(l *dialing, client ws.Compression, params string, bits int) {
	l.Helper()
	p, _ := l.asked(client, pmd+"; server_max_window_bits=12"+params)
	r := <-l.result
	if r.err != nil {
		l.Fatalf("Dial = %v, want nil", r.err)
	}
	z := bitInflater{TB: l.T}
	for _, way := range []int{0, 3, 4} { // Write, NextWriter, WritePrepared
		sent := aside(l.T, func() error { return ways[way].send(r.c, ws.Text, []byte(repetitions(1<<bits))) })
		wantWindow(l.T, p, &z, 1<<bits)
		if err := sent(); err != nil {
			l.Fatalf("%s = %v, want nil", ways[way].name, err)
		}
	}
	l.hangUp(r, p)
}
