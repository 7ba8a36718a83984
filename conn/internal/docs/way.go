package docs

import (
	"fmt"
	"strings"

	"github.com/rfc6455/ws/conn/internal/outbox"
)

// way draws how a message goes from one program to another.
func way() ([]byte, error) {
	p := &picture{title: "The way of a message", width: 1060, height: 372}
	const width, height, gap = 164, 92, 44
	x := func(column int) int { return 30 + column*(width+gap) }
	lane := func(y int, boxes ...string) {
		for i, text := range boxes {
			lines := strings.Split(text, "|")
			p.box(box{
				x: x(i), y: y, width: width, height: height,
				title: lines[0], lines: lines[1:],
			})
		}
	}
	p.frame(8, 8, 1044, 142, "the side that sends")
	lane(40,
		"Append, Send|any goroutine;|text has to be UTF-8|Write waits for the end",
		"room?|Config.Queue bounds|what waits; beyond it:|Config.QueuePolicy",
		"frame|compressed, if agreed,|a header before it,|masked by a client",
		fmt.Sprintf("batch|many messages, or|%d KiB, leave in|one system call", outbox.WriteMax>>10),
		"socket|takes bytes within|Config.WriteTimeout",
	)
	p.frame(8, 196, 1044, 142, "the side that receives")
	lane(228,
		"Events.Message|or Read, ReadInto,|NextReader;|one at a time",
		"message|its frames, within|Config.MaxMessageSize,|Config.MaxFragments",
		"payload|unmasked, inflated;|text: checked as|it comes",
		"header|each rule is checked;|Ping and Close are|answered here",
		"socket|waits for bytes|without a buffer",
	)
	for i := range 4 {
		p.arrow("M%d 86 H %d", x(i)+width, x(i+1))
		p.arrow("M%d 274 H %d", x(i+1), x(i)+width)
	}
	p.arrow("M%d 132 V 228", x(4)+width/2)
	p.label(x(4)+width/2-8, 178, "end", "the network, and perhaps proxies")
	p.label(530, 360, "middle", "back pressure: a callback that takes its time reads nothing → "+
		"TCP holds the sender back → its batch waits → Config.Queue fills → Config.QueuePolicy")
	return p.svg(), nil
}
