package docs

import (
	"fmt"
	"slices"
	"strings"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/frame"
)

// place is where the picture of a connection's life shows a state.
type place struct {
	state frame.Lifecycle
	x, y  int
	lines []string
}

// Sizes in the picture, in pixels.
const (
	stateWidth   = 128 // of a state's box
	stateHeight  = 62
	middleRow    = 160 + stateHeight/2
	closingLeft  = 372 // of the frame of the closing handshake
	closingWidth = 556
)

// places has every state.
var places = []place{
	{frame.Open, 211, 160, []string{"messages flow", "both ways"}},
	{frame.CloseSent, 472, 84, []string{"yours is out,", "theirs is to come"}},
	{frame.CloseReceived, 472, 236, []string{"theirs has come,", "yours is leaving"}},
	{frame.Closing, 694, 160, []string{"both have passed"}},
	{frame.Failed, 694, 332, []string{"the handshake", "is cut short"}},
	{frame.Closed, 953, 160, []string{"each call returns", "the *CloseError"}},
}

// causes says what the signals mean that lead to Failed.
var causes = map[frame.Signal]string{
	frame.Fail: "a rule was broken",
	frame.Lost: "the transport is gone, or too slow",
}

// stateOf returns the state that a program sees, as [ws.Conn.State] does.
func stateOf(s frame.Lifecycle) ws.State {
	switch s {
	case frame.Open:
		return ws.StateOpen
	case frame.Closed:
		return ws.StateClosed
	}
	return ws.StateClosing
}

// edge is a transition.
type edge struct {
	from, to frame.Lifecycle
	by       []frame.Signal
}

// edges returns all transitions, those with the same ends as one. TransportClosed is shown where an
// end has come about before: package conn closes no transport without that.
func edges() (all []edge) {
	for from := range frame.Closed + 1 {
		for by := range frame.TransportClosed + 1 {
			to, _ := frame.Next(from, by)
			if to == from || by == frame.TransportClosed && from != frame.Closing && from != frame.Failed {
				continue
			}
			i := slices.IndexFunc(all, func(e edge) bool { return e.from == from && e.to == to })
			if i < 0 {
				all = append(all, edge{from: from, to: to})
				i = len(all) - 1
			}
			all[i].by = append(all[i].by, by)
		}
	}
	return all
}

// life draws the states of a connection and how one follows another. Names, states and transitions
// come from packages conn and frame. It fails if something there has no place in the picture.
func life() ([]byte, error) {
	p := &picture{title: "The states of a connection", width: 1100, height: 430}
	p.columns()
	p.beginning()
	for s := range frame.Closed + 1 {
		if _, err := placeOf(s); err != nil {
			return nil, err
		}
	}
	for _, at := range places {
		b := box{x: at.x, y: at.y, width: stateWidth, height: stateHeight}
		b.title, b.lines = at.state.String(), at.lines
		if at.state == frame.Failed {
			b.fill = colourEnd
		}
		p.box(b)
	}
	for _, e := range edges() {
		if e.to != frame.Failed {
			p.transition(e)
		}
	}
	if err := p.failures(); err != nil {
		return nil, err
	}
	return p.svg(), nil
}

// columns draws a frame for each state that a program sees.
func (p *picture) columns() {
	for _, s := range []struct {
		state    ws.State
		x, width int
	}{
		{ws.StateConnecting, 8, 170},
		{ws.StateOpen, 190, 170},
		{ws.StateClosing, closingLeft, closingWidth},
		{ws.StateClosed, 940, 152},
	} {
		p.frame(s.x, 8, s.width, 414, fmt.Sprintf("%v (%d)", s.state, s.state))
	}
	p.label(275, 242, "middle", "Err() is nil")
	p.label(1017, 242, "middle", "Done is closed,")
	p.label(1017, 258, "middle", "Events.Close is called")
}

// beginning draws the opening handshake.
func (p *picture) beginning() {
	for _, b := range []box{
		{y: 84, title: "Dial", lines: []string{"the request,", "ws or wss"}},
		{y: 236, title: "Upgrader", lines: []string{"origin, Check,", "then 101"}},
		{y: 332, title: "refused", lines: []string{"*HandshakeError"}, fill: colourEnd},
	} {
		b.x, b.width, b.height = 29, stateWidth, stateHeight
		p.box(b)
	}
	p.arrow("M157 115 C 184 115 184 191 211 191")
	p.arrow("M157 267 C 184 267 184 191 211 191")
	p.arrow("M93 298 V 332")
}

// failures says what leads to Failed, and in which states: there would be too many arrows.
func (p *picture) failures() error {
	from := map[frame.Signal][]string{}
	for _, e := range edges() {
		for _, by := range e.by {
			if e.to == frame.Failed {
				from[by] = append(from[by], e.from.String())
			}
		}
	}
	y := 338
	for by := range frame.TransportClosed + 1 {
		states := from[by]
		if states == nil {
			continue
		}
		if causes[by] == "" {
			return fmt.Errorf("%v leads to %v, and nothing says what it means", by, frame.Failed)
		}
		last := len(states) - 1
		p.label(390, y, "start", fmt.Sprintf("%v: %s,", by, causes[by]))
		p.label(390, y+16, "start", "in "+strings.Join(states[:last], ", ")+" or "+states[last])
		y += 40
	}
	p.arrow("M640 363 H 694")
	return nil
}

// placeOf returns where a state is.
func placeOf(s frame.Lifecycle) (place, error) {
	for _, at := range places {
		if at.state == s {
			return at, nil
		}
	}
	return place{}, fmt.Errorf("the state %v has no place in the picture", s)
}

// transition draws the arrow of one transition, from the right side of a box to the left side of
// another.
func (p *picture) transition(e edge) {
	from, _ := placeOf(e.from) // life has asked for errors
	to, _ := placeOf(e.to)
	x1, y1 := from.x+stateWidth, from.y+stateHeight/2
	x2, y2 := to.x, to.y+stateHeight/2
	middle := (x1 + x2) / 2
	p.arrow("M%d %d C %d %d %d %d %d %d", x1, y1, middle, y1, middle, y2, x2, y2)
	// The words stand in the frame of the closing handshake, at the end that is farther from the
	// middle row.
	x := (max(x1, closingLeft) + min(x2, closingLeft+closingWidth)) / 2
	y := max(y1, y2) + 18
	if y1 <= middleRow && y2 <= middleRow {
		y = min(y1, y2) - 8
	}
	for i, by := range e.by {
		p.label(x, y+15*i, "middle", by.String())
	}
}
