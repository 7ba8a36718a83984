//go:build linux

package main

import (
	"github.com/rfc6455/ws/bench/peers/internal/report"
	"github.com/rfc6455/ws/bench/peers/internal/servers"
)

// section is a part of the report: its cells, and what a reader has to know to
// read them rightly.
func section(title, text, value string, columns []string, names ...string) report.Section {
	s := report.Section{Title: title, Text: text, Value: value, Columns: columns}
	for _, c := range cells() {
		for _, n := range names {
			if c.Name == n {
				s.Cells = append(s.Cells, report.Cell{Name: c.Name, Title: c.Title, Base: cmpBase(&c)})
			}
		}
	}
	return s
}

// sections is the report.
func sections() *report.Layout {
	l := &report.Layout{Baseline: baseline}
	for _, s := range servers.All {
		l.Servers = append(l.Servers, report.Server{Name: s.Name, Ours: s.Ours, About: s.About})
	}
	speed := []string{report.CPU, report.Rate, report.P50, report.P99, report.Allocs}
	l.Sections = []report.Section{
		section("Ping-pong", "Binary messages that are echoed; each connection has one under way. "+
			"Below 1 KiB nearly all of the time is spent in system calls, one read and one write for each message, whatever the library.",
			report.CPU, speed, "128B-64x1", "1KiB-64x1", "16KiB-64x1", "1MiB-64x1", "128B-1000x1"),
		section("Text", "Text messages, whose UTF-8 the server has to check (RFC 6455 section 8.1): by the library, or by the handler where the library leaves it to that. "+
			"Ours check it again before they send it. `bare` checks nothing. "+
			"The first cell is JSON with a few characters beyond ASCII, the second is Cyrillic, Greek, Chinese, Japanese, Korean and emoji. "+
			"The same as binary data is in the row of 16 KiB above.",
			report.CPU, speed, "text-16KiB-64x1", "text-16KiB-multibyte"),
		section("Sixteen in flight", "**Warning: the two burst cells are the best case for batching.** There sixteen messages arrive together, "+
			"in one packet or few, and a server may answer all of them with one write, as `handler` does by Append, and `bare`. "+
			"Real traffic is seldom like that. The spread-out cells show the other end: each message is sent by a write of its own, "+
			"as soon as an answer arrives, so that mostly one or few are there to be read at a time.",
			report.CPU, speed, "128B-64x16-burst", "1KiB-64x16-burst", "128B-64x16-spread", "1KiB-64x16-spread"),
		section("Clients", "The same as ping-pong with the parts changed: the measured process has dialed, and masks what it answers; the load generator is the server. "+
			"`serve` and `read` are Dial with Serve or with ReadInto.",
			report.CPU, speed, "dialed-128B-64x1", "dialed-16KiB-64x1"),
		section("Idle clients", "Memory of the client's process for each connection that it has dialed and that is silent, as below for servers.",
			report.RSS, []string{report.RSS, report.Heap, report.Stack, report.Conns}, "dialed-idle"),
		section("Broadcast", "One message of 512 B to 1000 connections, for each recipient. Prepared messages are used where the library has them. "+
			"Nine tenths of the time is the system call that each recipient costs, so that `bare` is about as far as this goes.",
			report.CPU, speed, "broadcast"),
		section("Handshakes", "A connection is opened, shaken hands on and reset, for each of them. `serve` uses UpgradeNet, `read` and `handler` come through net/http. "+
			"The numbers include accept, the goroutine, and the end of the connection; allocations are those of the whole process, accept among them.",
			report.CPU, speed, "handshake"),
		section("Idle connections", "Memory of the server for each connection that has exchanged ten messages and has then been silent for five seconds, after garbage collection. "+
			"RSS is the growth of the whole process since it has served a first connection; the kernel's socket buffers are not in it. Buffers that the application keeps, such as that of `read`, are. "+
			"In the second cell the handler has used 8 KiB of stack for each message, and the connections are then left alone for a minute: "+
			"a goroutine keeps the stack that it once needed, until garbage collection halves it, and `handler` moves an idle connection to a fresh one. "+
			"The third is over TLS, as ratios to gorilla without: what it has more than the first is what TLS adds, crypto/tls's state and buffers.",
			report.RSS, []string{report.RSS, report.Heap, report.Stack, report.Conns}, "idle", "idle-deep", "idle-tls"),
		section("Compression", "Echo of different JSON-like texts with permessage-deflate, 64 connections with one message under way. "+
			"The client compresses each message by itself; what differs is the server. Ratios with takeover are to gorilla without, which has none. "+
			"“wire” is the compressed size of the answers as a part of the text's.",
			report.CPU, []string{report.CPU, report.PerByte, report.Wire, report.P99, report.Allocs}, "z-1KiB", "z-1KiB-takeover", "z-16KiB", "z-16KiB-takeover"),
		section("Idle connections with compression", "As above, after ten compressed messages of 1 KiB. The heap is what is held; RSS may be less, where memory was allocated and never touched.",
			report.RSS, []string{report.RSS, report.Heap, report.Stack, report.Conns}, "z-idle", "z-idle-takeover"),
	}
	return l
}
