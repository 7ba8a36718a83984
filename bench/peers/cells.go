//go:build linux

package main

import (
	"github.com/rfc6455/ws/bench/peers/internal/load"
	"github.com/rfc6455/ws/bench/peers/internal/servers"
)

// cell is one row of the comparison.
type cell struct {
	Name  string // for -cells, and in the results
	Title string
	Spec  load.Spec
	Base  string // ratios refer to gorilla in this cell; "": in the cell itself
	Rests bool   // the connections are silent for plan.Rest, while other cells are measured
}

const (
	kib = 1 << 10
	mib = 1 << 20
)

// echo returns a cell in which each of conns connections has flight messages of size bytes under
// way.
func echo(name, title string, size, conns, flight int) cell {
	spec := load.Spec{Kind: load.Echo, Size: size, Conns: conns, Flight: flight}
	return cell{Name: name, Title: title, Spec: spec}
}

// burst lets the messages under way leave together.
func (c cell) burst() cell { c.Spec.Burst = true; return c }

// text makes the messages text, mostly ASCII.
func (c cell) text() cell { c.Spec.Text = true; return c }

// compressed makes the messages text that is compressed.
func (c cell) compressed(mode servers.Compression) cell {
	c.Spec.Text, c.Spec.Compression = true, mode
	return c
}

// idle lets the connections fall silent. Their memory is measured, and not the time.
func (c cell) idle() cell {
	c.Spec.Kind, c.Spec.Flight = load.Idle, 1
	return c
}

// multibyte makes the messages text of which little is ASCII.
func (c cell) multibyte() cell { c.Spec.Text, c.Spec.Multibyte = true, true; return c }

// secure puts the connections over TLS.
func (c cell) secure() cell { c.Spec.TLS = true; return c }

// rested makes the handler use 8 KiB of stack, and then leaves the connections silent for
// plan.Rest.
func (c cell) rested() cell { c.Spec.Deep, c.Rests = true, true; return c.idle() }

// can reports whether the server can do what the cell asks for.
func (c cell) can(s *servers.Server) bool {
	return s.Can(servers.Setting{
		Work: c.Spec.Work(), Compression: c.Spec.Compression, Dialed: c.Spec.Dialed,
		TLS: c.Spec.TLS,
	})
}

// against makes the cell's ratios refer to gorilla in the cell base.
func (c cell) against(base string) cell { c.Base = base; return c }

// dialed exchanges the roles: the measured process is the client.
func (c cell) dialed() cell { c.Spec.Dialed = true; return c }

// cells returns all cells of the comparison, in the order of the report.
func cells() []cell {
	broadcast := echo("broadcast", "broadcast 512 B to 1000, per recipient", 512, 1000, 1)
	broadcast.Spec.Kind = load.Broadcast
	return []cell{
		echo("128B-64x1", "128 B, 64 × 1", 128, 64, 1),
		echo("1KiB-64x1", "1 KiB, 64 × 1", kib, 64, 1),
		echo("16KiB-64x1", "16 KiB, 64 × 1", 16*kib, 64, 1),
		echo("1MiB-64x1", "1 MiB, 64 × 1", mib, 64, 1),
		echo("128B-1000x1", "128 B, 1000 × 1", 128, 1000, 1),
		echo("text-16KiB-64x1", "text 16 KiB, checked, 64 × 1", 16*kib, 64, 1).text(),
		echo("text-16KiB-multibyte", "text 16 KiB, little of it ASCII, 64 × 1", 16*kib, 64, 1).
			multibyte(),
		echo("tls-128B-64x1", "128 B over TLS, 64 × 1", 128, 64, 1).secure(),
		echo("tls-16KiB-64x1", "16 KiB over TLS, 64 × 1", 16*kib, 64, 1).secure(),
		echo("128B-64x16-burst", "128 B, 64 × 16 in one burst", 128, 64, 16).burst(),
		echo("1KiB-64x16-burst", "1 KiB, 64 × 16 in one burst", kib, 64, 16).burst(),
		echo("128B-64x16-spread", "128 B, 64 × 16 spread out", 128, 64, 16),
		echo("1KiB-64x16-spread", "1 KiB, 64 × 16 spread out", kib, 64, 16),
		echo("dialed-128B-64x1", "128 B, 64 × 1", 128, 64, 1).dialed(),
		echo("dialed-16KiB-64x1", "16 KiB, 64 × 1", 16*kib, 64, 1).dialed(),
		echo("dialed-idle", "idle after ten messages of 128 B", 128, 5000, 1).dialed().idle(),
		broadcast,
		{
			Name: "handshake", Title: "handshake and disconnect",
			Spec: load.Spec{Kind: load.Handshake},
		},
		echo("idle", "idle after ten messages of 128 B", 128, 10000, 1).idle(),
		echo("idle-deep", "a minute after a handler that used 8 KiB of stack", 128, 2000, 1).
			rested(),
		echo("idle-tls", "idle over TLS after ten messages of 128 B", 128, 10000, 1).
			secure().idle().against("idle"),
		echo("z-1KiB", "1 KiB of JSON, no takeover", kib, 64, 1).compressed(servers.NoTakeover),
		echo("z-1KiB-takeover", "1 KiB of JSON, takeover", kib, 64, 1).
			compressed(servers.Takeover).against("z-1KiB"),
		echo("z-16KiB", "16 KiB of JSON, no takeover", 16*kib, 64, 1).
			compressed(servers.NoTakeover),
		echo("z-16KiB-takeover", "16 KiB of JSON, takeover", 16*kib, 64, 1).
			compressed(servers.Takeover).against("z-16KiB"),
		echo("z-idle", "idle after ten messages of 1 KiB, no takeover", kib, 2000, 1).
			compressed(servers.NoTakeover).idle(),
		echo("z-idle-takeover", "idle after ten messages of 1 KiB, takeover", kib, 2000, 1).
			compressed(servers.Takeover).idle().against("z-idle"),
	}
}
