//go:build linux

package main

import (
	"slices"

	"github.com/rfc6455/ws/bench/peers/internal/report"
	"github.com/rfc6455/ws/bench/peers/internal/servers"
)

// section returns a part of the report: the cells of these names, and the text that a reader needs
// to understand them.
func section(title, text, value string, columns []string, names ...string) report.Section {
	s := report.Section{Title: title, Text: text, Value: value, Columns: columns}
	for _, c := range cells() {
		for _, n := range names {
			if c.Name == n {
				s.Cells = append(s.Cells,
					report.Cell{Name: c.Name, Title: c.Title, Base: cmpBase(&c)})
			}
		}
	}
	return s
}

// sections returns the layout of the report.
func sections() *report.Layout {
	l := &report.Layout{Baseline: baseline}
	for _, s := range servers.All {
		l.Servers = append(l.Servers, report.Server{Name: s.Name, Ours: s.Ours, Bound: s.Bound, About: s.About})
	}
	l.Sections = slices.Concat(exchanges(), crowds(), compression())
	l.Overview = overview()
	return l
}

// The columns of sections, by what they measure.
var (
	ofSpeed  = []string{report.CPU, report.Rate, report.P50, report.P99, report.Allocs}
	ofMemory = []string{report.RSS, report.Heap, report.Stack, report.Conns}
	ofCodec  = []string{report.CPU, report.PerByte, report.Wire, report.P99, report.Allocs}
)

// exchanges are the sections in which a message is answered.
func exchanges() []report.Section {
	return []report.Section{
		section("Ping-pong", "Binary messages that are echoed, one under way on each connection. "+
			"Below 1 KiB nearly all of the time goes to system calls, one read and one write "+
			"for each message, whatever the library.",
			report.CPU, ofSpeed, "128B-64x1", "1KiB-64x1", "16KiB-64x1", "1MiB-64x1", "128B-1000x1"),
		section("Text",
			"Text messages, whose UTF-8 the server has to check (RFC 6455 section 8.1): the "+
				"library does, or else the handler. "+
				"Ours check the text again before they send it. "+
				"`bare` checks nothing. "+
				"The first cell is JSON with a few characters beyond ASCII. "+
				"The second is Cyrillic, Greek, Chinese, Japanese, Korean and emoji. "+
				"The row of 16 KiB above has the same as binary data.",
			report.CPU, ofSpeed, "text-16KiB-64x1", "text-16KiB-multibyte"),
		section("Over TLS", "The same ping-pong over TLS 1.3, by crypto/tls. "+
			"Most of the time goes to the ciphers and the system calls.",
			report.CPU, ofSpeed, "tls-128B-64x1", "tls-16KiB-64x1"),
		section("Sixteen in flight",
			"**Warning: the two burst cells are the best case for batching.** In them "+
				"sixteen messages arrive together, in one packet or few. "+
				"A server may answer all of them with one write, as `handler` does by Append, "+
				"and `bare`. "+
				"Real traffic is seldom like that. "+
				"The spread-out cells show the other end: each message is sent by a write of its "+
				"own, as soon as an answer arrives, so that mostly one or few are there to be "+
				"read at a time.",
			report.CPU, ofSpeed,
			"128B-64x16-burst", "1KiB-64x16-burst", "128B-64x16-spread", "1KiB-64x16-spread"),
		section("Clients",
			"The same as ping-pong with the roles exchanged: the measured process has "+
				"dialed, and masks what it answers, and the load generator is the server. "+
				"`serve` and `read` are Dial with Serve or with ReadInto.",
			report.CPU, ofSpeed, "dialed-128B-64x1", "dialed-16KiB-64x1"),
	}
}

// crowds are the sections in which the connections count, more than what they say.
func crowds() []report.Section {
	return []report.Section{
		section("Idle clients",
			"Memory of the client's process for each connection that it has dialed and that "+
				"is silent, measured as below for servers.",
			report.RSS, ofMemory, "dialed-idle"),
		section("Broadcast",
			"One message of 512 B to 1000 connections; the time is for each recipient. "+
				"Prepared messages are used if the library has them. "+
				"Nine tenths of the time is the system call that each recipient costs, so `bare` "+
				"is about as low as this can get.",
			report.CPU, ofSpeed, "broadcast"),
		section("Handshakes", "Each connection is opened, shakes hands and is reset. "+
			"`serve` uses UpgradeNet, `read` and `handler` come through net/http. "+
			"The numbers include accept, the goroutine, and the end of the connection. "+
			"Allocations are those of the whole process, accept among them.",
			report.CPU, ofSpeed, "handshake"),
		section("Idle connections",
			"Memory of the server for each connection that has exchanged ten messages and "+
				"has then been silent for five seconds, after garbage collection. "+
				"RSS is the growth of the whole process since it has served a first connection, "+
				"without the kernel's socket buffers. "+
				"Buffers that the application keeps are in it, such as that of `read`. "+
				"In the second cell the handler has used 8 KiB of stack for each message, and "+
				"the connections are then left alone for a minute. "+
				"A goroutine keeps the stack that it once needed, until garbage collection "+
				"halves it; `handler` moves an idle connection to a fresh goroutine. "+
				"The third is over TLS, as ratios to gorilla without TLS: what it has more than "+
				"the first is crypto/tls's state and buffers.",
			report.RSS, ofMemory, "idle", "idle-deep", "idle-tls"),
	}
}

// compression has the sections with permessage-deflate.
func compression() []report.Section {
	return []report.Section{
		section("Compression",
			"Echo of different JSON-like texts with permessage-deflate, 64 connections with "+
				"one message under way. "+
				"The client compresses each message by itself; what differs is the server. "+
				"Ratios with takeover are to gorilla without, which has none. "+
				"“wire” is the compressed size of the answers as a part of the size of the text.",
			report.CPU, ofCodec,
			"z-1KiB", "z-1KiB-takeover", "z-16KiB", "z-16KiB-takeover"),
		section("Idle connections with compression",
			"As above, after ten compressed messages of 1 KiB. "+
				"The heap is what is held. "+
				"RSS may be less, if memory was allocated and never touched.",
			report.RSS, ofMemory, "z-idle", "z-idle-takeover"),
	}
}

// overview returns the layout of README's plot: the ways to serve that README shows, in cells that
// programs of all kinds will meet, those among them in which this module is not the first.
func overview() report.Overview {
	return report.Overview{
		Baseline: "gorilla/websocket",
		Cells: []report.Cell{
			{Name: "128B-64x1", Title: "CPU: echo of 128 B"},
			{Name: "1KiB-64x1", Title: "echo of 1 KiB"},
			{Name: "16KiB-64x1", Title: "echo of 16 KiB"},
			{Name: "1MiB-64x1", Title: "echo of 1 MiB"},
			{Name: "128B-64x16-burst", Title: "sixteen of 128 B at once"},
			{Name: "tls-128B-64x1", Title: "echo of 128 B over TLS"},
			{Name: "z-1KiB", Title: "echo of 1 KiB, compressed"},
			{Name: "broadcast", Title: "broadcast to 1000, for each"},
			{Name: "handshake", Title: "handshake and end"},
			{Name: "idle", Title: "memory: idle connection"},
			{Name: "idle-tls", Title: "idle connection over TLS"},
		},
		Series: []report.Series{
			{Server: "handler", Title: "callbacks (Handler)"},
			{Server: "handlerfunc", Title: "a loop of Read and Write (HandlerFunc)"},
			{Server: "eventloop", Title: "callbacks in an event loop (Loop)"},
		},
	}
}
