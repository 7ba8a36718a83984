package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// shower shows events for people. Without log it is for a terminal: all goes to out, with times.
type shower struct {
	mu        sync.Mutex
	out       io.Writer
	log       io.Writer // nil: a terminal
	colour    bool
	prompting func() bool // whether the prompt is on the screen; nil: there is none
}

// The colours.
const (
	grey   = "90"
	green  = "32"
	blue   = "34"
	yellow = "33"
	red    = "31"
)

// line writes a line to the log, or to the terminal.
func (s *shower) line(colour, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.log != nil {
		fmt.Fprintln(s.log, text)
		return
	}
	now := time.Now().Format("15:04:05.000")
	if s.colour {
		now, text = "\x1b["+grey+"m"+now+"\x1b[0m", "\x1b["+colour+"m"+text+"\x1b[0m"
	}
	if s.prompting != nil && s.prompting() {
		// The line editor shows what was typed when the next key is pressed.
		fmt.Fprintf(s.out, "\r\x1b[K%s %s\n%s", now, text, promptText)
		return
	}
	fmt.Fprintf(s.out, "%s %s\n", now, text)
}

func (s *shower) note(format string, args ...any) { s.line(yellow, fmt.Sprintf(format, args...)) }

func (s *shower) opened(url string, conn *ws.Conn) {
	text := "connected to " + safe(url)
	if p := conn.Subprotocol(); p != "" {
		text += ", subprotocol " + safe(p)
	}
	if conn.Deflate() != (handshake.Deflate{}) {
		text += ", with compression"
	}
	s.line(grey, text)
}

func (s *shower) received(t ws.MessageType, p []byte) {
	if s.log != nil { // for a script: the messages alone
		s.mu.Lock()
		defer s.mu.Unlock()
		_, _ = s.out.Write(append(p[:len(p):len(p)], '\n'))
		return
	}
	s.line(green, "< "+content(t, p))
}

func (s *shower) sent(t ws.MessageType, p []byte) {
	if s.log == nil {
		s.line(blue, "> "+content(t, p))
	}
}

func (s *shower) frame(out bool, h frame.Header) {
	way := "< "
	if out {
		way = "> "
	}
	s.line(grey, way+headerText(h))
}

// headerText shows the header of a frame.
func headerText(h frame.Header) string {
	text := fmt.Sprintf("frame %v, %d bytes", h.Opcode, h.Length)
	if !h.Fin {
		text += ", more follow"
	}
	if h.RSV != 0 {
		text += fmt.Sprintf(", rsv %d", h.RSV)
	}
	return text
}

func (s *shower) pong(rtt time.Duration) {
	s.line(grey, fmt.Sprintf("pong after %v", rtt.Round(time.Microsecond)))
}

func (s *shower) closed(e *ws.CloseError) {
	colour := grey
	if exitFor(e.Code) != nil && (e.Remote || e.Err != nil) {
		colour = red
	}
	text := "closed with " + e.Code.String()
	if e.Reason != "" {
		text += ": " + safe(e.Reason)
	}
	if e.Err != nil {
		text += ": " + safe(e.Err.Error())
	}
	s.line(colour, text)
}

// content shows a message.
func content(t ws.MessageType, p []byte) string {
	if t == ws.Text {
		return safe(string(p))
	}
	dump := hex.EncodeToString(p[:min(len(p), 64)])
	if len(p) > 64 {
		dump += "..."
	}
	return fmt.Sprintf("%d bytes %s", len(p), dump)
}

// safe shows a stranger's text, and keeps its control characters from the terminal.
func safe(s string) string {
	if strings.IndexFunc(s, unprintable) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unprintable(r) {
			fmt.Fprintf(&b, "\\u%04x", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func unprintable(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) }

// jsonShower shows events as lines of JSON.
type jsonShower struct{ w jsonWriter }

func (j *jsonShower) opened(url string, conn *ws.Conn) {
	j.w.write(record{Event: "open", URL: url, Subprotocol: conn.Subprotocol()})
}
func (j *jsonShower) received(t ws.MessageType, p []byte) { j.w.write(message("in", t, p)) }
func (j *jsonShower) sent(t ws.MessageType, p []byte)     { j.w.write(message("out", t, p)) }
func (j *jsonShower) pong(rtt time.Duration) {
	j.w.write(record{Event: "pong", Seconds: rtt.Seconds()})
}

func (j *jsonShower) frame(out bool, h frame.Header) {
	event := "frame-in"
	if out {
		event = "frame-out"
	}
	j.w.write(header(event, h))
}

func (j *jsonShower) closed(e *ws.CloseError) {
	r := record{Event: "close", Code: int(e.Code), Reason: e.Reason}
	j.w.write(r)
}

func (j *jsonShower) note(format string, args ...any) {
	j.w.write(record{Event: "note", Reason: fmt.Sprintf(format, args...)})
}
