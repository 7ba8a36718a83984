package rows

import (
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
	"golang.org/x/net/http2"
)

// h2Rows are the server's rows of RFC 8441, shown to a client that writes HTTP/2
// frame by frame, without TLS.
func h2Rows(q *requirements) {
	q.server("H2-3-01", "announced", inH2(announced))
	q.server("H2-3-01", "invalid", inH2(invalidSetting))
	q.server("H2-3-02", "", inH2(neverTakenBack))
	q.server("H2-3-04", "", inH2(clientSetting))
	q.server("H2-4-12", "", inH2(noTunnelling))
	q.server("H2-4-13", "", inH2(unknownProtocol))
	q.server("H2-5-08", "agreed", inH2(h2Agreed))
	q.server("H2-5-08", "refused", inH2(h2Refused))
	q.server("H2-5-09", "", inH2(statusOK))
	q.server("H2-5-10", "split", inH2(splitOverData))
	q.server("H2-5-10", "unmasked", inH2(unmaskedOverData))
	q.server("H2-5-11", "closed", inH2(closedStream))
	q.server("H2-5-11", "cut by the server", inH2(streamResetByServer))
	q.server("H2-5-11", "cut by the client", inH2(streamResetByClient))
	q.server("H2-8-15", "origin", inH2(h2Origin))
	q.server("H2-8-15", "limits", inH2(h2Limit))
	q.server("H2-x-16", "", inH2(windowsGranted))
}

func announced(c *h2Client) {
	c.start()
	c.open(1)
	if len(c.settings) == 0 || !c.has(http2.SettingEnableConnectProtocol, 1) {
		c.Errorf("settings %v, want ENABLE_CONNECT_PROTOCOL = 1", c.settings)
	}
}

func invalidSetting(c *h2Client) {
	c.start(http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 2})
	f, ok := c.next().(*http2.GoAwayFrame)
	if !ok || f.ErrCode != http2.ErrCodeProtocol {
		c.Errorf("got %v, want GOAWAY with PROTOCOL_ERROR", f)
	}
}

func neverTakenBack(c *h2Client) {
	c.start()
	conn := c.open(1)
	_ = conn.CloseNow()
	c.reset(1)
	c.open(3)
	if c.has(http2.SettingEnableConnectProtocol, 0) {
		c.Errorf("settings %v, want no ENABLE_CONNECT_PROTOCOL = 0", c.settings)
	}
}

func clientSetting(c *h2Client) {
	c.start(http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 1})
	c.open(1)
	c.start(http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 0})
	c.open(3)
}

// noTunnelling: neither a plain CONNECT nor the authority of an extended one
// makes the server connect to it.
func noTunnelling(c *h2Client) {
	target := wstest.Listen(c.T)
	c.start()
	c.request(1, []string{":method: CONNECT", ":authority: " + target.Addr().String()})
	c.wantRefusal(1, "400")
	c.open(3, ":authority: "+target.Addr().String(), "origin: ")
	_ = target.(*net.TCPListener).SetDeadline(time.Now().Add(10 * time.Millisecond))
	if nc, err := target.Accept(); err == nil {
		c.Errorf("the server connected to %v, want no connection", nc.LocalAddr())
	}
}

func unknownProtocol(c *h2Client) {
	c.start()
	c.extended(1, ":protocol: foo")
	c.wantRefusal(1, "501")
}

func h2Agreed(c *h2Client) {
	c.start()
	c.extended(1, "sec-websocket-protocol: other, chat", "sec-websocket-extensions: permessage-deflate; client_max_window_bits",
		"sec-websocket-key: ignored")
	h := c.response(1)
	if h[":status"][0] != "200" || len(h["sec-websocket-protocol"]) != 1 || h["sec-websocket-protocol"][0] != "chat" ||
		!strings.HasPrefix(h["sec-websocket-extensions"][0], "permessage-deflate") || h["sec-websocket-accept"] != nil {
		c.Errorf("response %v, want 200, chat, compression and no Sec-WebSocket-Accept", h)
	}
	conn := <-c.opened
	defer conn.CloseNow()
	if conn.Subprotocol() != "chat" || conn.Deflate().ServerMaxWindowBits == 0 {
		c.Errorf("Subprotocol() = %q, Deflate() = %+v, want chat and compression", conn.Subprotocol(), conn.Deflate())
	}
}

func h2Refused(c *h2Client) {
	c.start()
	for i, edit := range []string{"sec-websocket-version: ", "sec-websocket-version: 8", "sec-websocket-version: 013"} {
		id := uint32(2*i + 1)
		c.extended(id, edit)
		name, _, _ := strings.Cut(edit, ":") // in lower case, as on the wire
		if h := c.wantRefusal(id, "400"); !slices.Equal(h[name], []string{"13"}) {
			c.Errorf("%q: response %v, want %s: 13", edit, h, name)
		}
	}
	for i, edit := range []string{"sec-websocket-protocol: a b", "sec-websocket-extensions: a b", "connection: upgrade", "upgrade: websocket"} {
		id := uint32(2*i + 11)
		c.extended(id, edit)
		c.wantRefusal(id, "400")
	}
	c.extended(31, ":path: ") // malformed
	if code := c.reset(31); code != http2.ErrCodeProtocol {
		c.Errorf("reset with %v, want PROTOCOL_ERROR", code)
	}
}

// statusOK: 200, and a stream that is open both ways.
func statusOK(c *h2Client) {
	c.start()
	conn := c.open(1)
	c.data(1, h2Message(frame.Text, "up"), 100)
	if _, p, err := conn.Read(c.ctx); err != nil || string(p) != "up" {
		c.Errorf("Read = %q, %v, want up", p, err)
	}
	if err := conn.Write(c.ctx, ws.Text, []byte("down")); err != nil {
		c.Errorf("Write = %v, want nil", err)
	}
	if f, ok := c.next().(*http2.DataFrame); !ok || f.StreamEnded() || string(f.Data()) != "\x81\x04down" {
		c.Errorf("got %v, want a DATA frame that ends nothing, with the message", f)
	}
}

// splitOverData: the boundaries of DATA frames mean nothing, nor does their
// padding.
func splitOverData(c *h2Client) {
	c.start()
	conn := c.open(1)
	all := append(h2Message(frame.Text, "one"), h2Message(frame.Binary, strings.Repeat("two", 100))...)
	for _, n := range []int{1, 7, 1000} {
		c.data(1, all, n)
		if err := c.fr.WriteDataPadded(1, false, nil, make([]byte, 5)); err != nil {
			c.Fatalf("WriteDataPadded = %v, want nil", err)
		}
		for _, want := range []string{"one", strings.Repeat("two", 100)} {
			if _, p, err := conn.Read(c.ctx); err != nil || string(p) != want {
				c.Errorf("in pieces of %d: Read = %q, %v, want %q", n, p, err, want)
			}
		}
	}
}

// h2Failed is the Close frame of a connection whose client broke a rule.
func h2Failed(rule *frame.Error) string {
	payload, _ := frame.AppendClose(nil, rule.Code(), strings.TrimPrefix(rule.Error(), "websocket: "))
	return string([]byte{0x88, byte(len(payload))}) + string(payload)
}

func unmaskedOverData(c *h2Client) {
	c.start()
	conn := c.open(1)
	c.data(1, []byte("\x81\x02hi"), 100)
	if _, _, err := conn.Read(c.ctx); !errors.Is(err, frame.ErrMaskRequired) {
		c.Errorf("Read = %v, want %v", err, frame.ErrMaskRequired)
	}
	if f, ok := c.next().(*http2.DataFrame); !ok || string(f.Data()) != h2Failed(frame.ErrMaskRequired) {
		c.Errorf("got %v, want a DATA frame with the Close frame", f)
	}
}

// closedStream: the closing handshake, END_STREAM, and a connection that goes
// on.
func closedStream(c *h2Client) {
	c.start()
	conn := c.open(1)
	c.data(1, h2Message(frame.Close, "\x03\xe8"), 100)
	var e *ws.CloseError
	if _, _, err := conn.Read(c.ctx); !errors.As(err, &e) || e.Code != ws.CloseNormal {
		c.Errorf("Read = %v, want code 1000", err)
	}
	var sent []byte
	for ended := false; !ended; {
		f, ok := c.next().(*http2.DataFrame)
		if !ok {
			c.Fatalf("got %v, want a DATA frame", f)
		}
		sent = append(sent, f.Data()...)
		ended = f.StreamEnded()
	}
	if string(sent) != "\x88\x02\x03\xe8" {
		c.Errorf("sent %q, want a Close frame with code 1000", sent)
	}
	if code := c.reset(1); code != http2.ErrCodeNo { // the client's half, which is still open
		c.Errorf("reset with %v, want NO_ERROR", code)
	}
	c.open(3)
}

// streamResetByServer: a reset of TCP is RST_STREAM here. CANCEL is the code that it
// should have; net/http gives handlers another.
func streamResetByServer(c *h2Client) {
	c.start()
	conn := c.open(1)
	_ = conn.CloseNow()
	if code := c.reset(1); code != http2.ErrCodeInternal {
		c.Errorf("reset with %v, want INTERNAL_ERROR", code)
	}
	c.open(3)
}

func streamResetByClient(c *h2Client) {
	c.start()
	conn := c.open(1)
	c.data(1, h2Message(frame.Text, "half a message")[:10], 100)
	if err := c.fr.WriteRSTStream(1, http2.ErrCodeCancel); err != nil {
		c.Fatalf("WriteRSTStream = %v, want nil", err)
	}
	_, _, err := conn.Read(c.ctx)
	var e *ws.CloseError
	if !errors.As(err, &e) || e.Code != ws.CloseAbnormal || !strings.Contains(e.Error(), "CANCEL") {
		c.Errorf("Read = %v, want code 1006 and CANCEL", err)
	}
	other := c.open(3)
	if err := c.fr.WriteData(3, true, nil); err != nil { // END_STREAM without a Close frame
		c.Fatalf("WriteData = %v, want nil", err)
	}
	if _, _, err := other.Read(c.ctx); !errors.Is(err, io.ErrUnexpectedEOF) {
		c.Errorf("Read = %v, want %v", err, io.ErrUnexpectedEOF)
	}
}

func h2Origin(c *h2Client) {
	c.start()
	c.extended(1, "origin: http://evil.example")
	c.wantRefusal(1, "403")
}

func h2Limit(c *h2Client) {
	c.start()
	conn := c.open(1)
	c.data(1, []byte("\x82\xff\x00\x00\x00\x00\x10\x00\x00\x00\x01\x02\x03\x04"), 100) // 256 MiB are announced
	if _, _, err := conn.Read(c.ctx); !errors.Is(err, ws.ErrMessageTooBig) {
		c.Errorf("Read = %v, want %v", err, ws.ErrMessageTooBig)
	}
	if f, ok := c.next().(*http2.DataFrame); !ok || string(f.Data()) != h2Failed(frame.ErrMessageTooBig) {
		c.Errorf("got %v, want a DATA frame with the Close frame", f)
	}
}

// windowsGranted: who reads lets the client send more than the windows that it
// was given at first, and who does not read does not.
func windowsGranted(c *h2Client) {
	c.start()
	conn := c.open(1)
	const size = 3 << 20 // three times the windows of net/http
	read := make(chan error, 1)
	go func() {
		_, p, err := conn.Read(c.ctx)
		if err == nil && len(p) != size {
			err = io.ErrShortBuffer
		}
		read <- err
	}()
	sent := c.sendAll(1, h2Message(frame.Binary, strings.Repeat("x", size)), size+14)
	if err := <-read; err != nil {
		c.Errorf("Read = %v, want the whole message", err)
	}
	if sent != size+14 {
		c.Errorf("%d bytes were let through, want %d", sent, size+14)
	}
}
