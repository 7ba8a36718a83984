//go:build unix

package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"html"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	ws "github.com/rfc6455/ws/conn"
)

var picture = flag.Bool("picture", false, "write the pictures docs/ws.svg and docs/relay.svg")

// now is the time that pictures show.
const now = "12:00:00.000"

var clock = regexp.MustCompile(`\d\d:\d\d:\d\d\.\d\d\d`)

// TestPicture compares docs/ws.svg with what a person sees at the prompt. With -picture it writes it.
func TestPicture(t *testing.T) {
	url := server(t, ws.Upgrader{}, echoing)
	term := inTerminal(t, []string{"XDG_CACHE_HOME=" + t.TempDir()}, "connect", url)
	term.sees(`> $`)
	for _, step := range [][2]string{
		{"hello", `< hello`}, {"/hex 00 ff", `< 2 bytes 00ff`}, {"/close 4000 enough", `closed with 4000`},
	} {
		term.types(step[0] + "\r")
		term.sees(step[1])
	}
	term.ends(0)
	<-term.read
	text := strings.ReplaceAll(term.screen.String(), url, "wss://example.com/chat")
	// The prompt is there twice if a message came just when the line editor showed it.
	text = strings.ReplaceAll(text, promptText+promptText, promptText)
	keep(t, "../../docs/ws.svg", clock.ReplaceAllString(text, now))
}

// TestPictureRelay does that with docs/relay.svg, what "ws proxy show" shows of a connection.
func TestPictureRelay(t *testing.T) {
	url := server(t, ws.Upgrader{}, echoing)
	relay := serve(t, "proxy", "show", "-l", "127.0.0.1:0", url)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := ws.Dial(ctx, "ws://"+relay.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	for _, m := range []struct {
		kind ws.MessageType
		data string
	}{{ws.Text, "hello"}, {ws.Binary, "\x00\xff"}} {
		if err := c.Write(ctx, m.kind, []byte(m.data)); err != nil {
			t.Fatal(err)
		}
		if _, p, err := c.Read(ctx); err != nil || string(p) != m.data {
			t.Fatalf("Read = %q, %v, want %q back", p, err, m.data)
		}
	}
	if err := c.Close(4000, "enough"); err != nil {
		t.Errorf("Close = %v, want the closing handshake", err)
	}
	relay.out.await(t, "ended: .*\n")
	client := regexp.MustCompile(`127\.0\.0\.1:\d+`)
	text := client.ReplaceAllString(relay.out.String(), "192.0.2.7:50000")
	text = "$ ws proxy show wss://example.com\n" + relay.errors.String() + text
	text = strings.NewReplacer(url, "wss://example.com", relay.addr, "127.0.0.1:8080").Replace(text)
	keep(t, "../../docs/relay.svg", clock.ReplaceAllString(text, now))
}

// keep compares a picture with what a terminal shows. With -picture it writes it.
func keep(t *testing.T, file, text string) {
	t.Helper()
	got := draw(text)
	if *picture {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the command shows (%v): run go test -run TestPicture . -args -picture", file, err)
	}
}

// cell is a character on the screen with its colour.
type cell struct {
	r      rune
	colour string
}

// escape is what the program and its line editor send to a terminal.
var escape = regexp.MustCompile(`^\x1b\[([0-9;?]*)([a-zA-Z])`)

// screenOf is a small terminal: it knows the codes that the program and its line editor send.
func screenOf(text string) (lines [][]cell) {
	lines = [][]cell{nil}
	column, colour := 0, ""
	for len(text) > 0 {
		line := &lines[len(lines)-1]
		if m := escape.FindStringSubmatch(text); m != nil {
			n, _ := strconv.Atoi(m[1])
			switch m[2] {
			case "K":
				*line = (*line)[:min(column, len(*line))]
			case "G":
				column = max(n-1, 0)
			case "m":
				if colour = m[1]; colour == "0" {
					colour = ""
				}
			}
			text = text[len(m[0]):]
			continue
		}
		r := []rune(text)[0]
		text = text[len(string(r)):]
		switch r {
		case '\r':
			column = 0
		case '\n':
			lines = append(lines, nil)
			column = 0
		default:
			for len(*line) <= column {
				*line = append(*line, cell{r: ' '})
			}
			(*line)[column] = cell{r, colour}
			column++
		}
	}
	return lines
}

var svgColours = map[string]string{
	"": "#dddddd", grey: "#888888", green: "#7ec97e", blue: "#7aa6da", yellow: "#d9c27a", red: "#e07a7a",
}

// draw makes a picture of what the terminal shows.
func draw(text string) []byte {
	lines := screenOf(text)
	for len(lines) > 0 && strings.TrimSpace(plain(lines[len(lines)-1])) == "" {
		lines = lines[:len(lines)-1]
	}
	var b bytes.Buffer
	const width, height = 8.4, 19
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"monospace\" font-size=\"14\">\n", 640, len(lines)*height+20)
	b.WriteString("<rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"#1e1e1e\"/>\n")
	for i, line := range lines {
		fmt.Fprintf(&b, "<text y=\"%d\" xml:space=\"preserve\">", 24+i*height)
		for at := 0; at < len(line); {
			end := at
			for end < len(line) && line[end].colour == line[at].colour {
				end++
			}
			fmt.Fprintf(&b, "<tspan x=\"%.1f\" fill=\"%s\">%s</tspan>", 12+float64(at)*width, svgColours[line[at].colour], html.EscapeString(plain(line[at:end])))
			at = end
		}
		b.WriteString("</text>\n")
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func plain(line []cell) string {
	var b strings.Builder
	for _, c := range line {
		b.WriteRune(c.r)
	}
	return b.String()
}
