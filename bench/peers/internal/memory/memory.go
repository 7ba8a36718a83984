//go:build linux

package memory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gorilla/websocket"
	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/frame"

	"github.com/rfc6455/ws/bench/peers/internal/process"
	"github.com/rfc6455/ws/bench/peers/internal/report"
	"github.com/rfc6455/ws/bench/peers/internal/sample"
)

// operation is something that is measured. f does it once. f returns how many bytes that made on
// the wire, or 0 if that does not matter.
type operation struct {
	group, name string
	size        int // of the message, in bytes
	f           func() (wire int, err error)
}

// errWrong is the error of an operation whose result is not the message that was sent.
var errWrong = errors.New("the message is not the one that was sent")

// All measures every operation once, for at least d of CPU time each.
func All(d time.Duration) ([]report.Micro, error) {
	var all []operation
	for _, list := range []func() ([]operation, error){
		reading, writing, compressing, inflating,
	} {
		ops, err := list()
		if err != nil {
			return nil, err
		}
		all = append(all, ops...)
	}
	var out []report.Micro
	for _, op := range all {
		m, err := op.measure(d)
		if err != nil {
			return nil, fmt.Errorf("%s, %s: %w", op.group, op.name, err)
		}
		out = append(out, m)
	}
	return out, nil
}

// measure repeats the operation until that takes d. It counts CPU time, as it is done for the
// servers. The benchmarks of package testing count the time on the wall.
func (op *operation) measure(d time.Duration) (report.Micro, error) {
	for n := 1; ; {
		before, err := process.Now()
		if err != nil {
			return report.Micro{}, err
		}
		wire, err := op.repeat(n)
		if err != nil {
			return report.Micro{}, err
		}
		after, err := process.Now()
		if err != nil {
			return report.Micro{}, err
		}
		took := time.Duration(after.User + after.System - before.User - before.System)
		if took >= d || n >= 1<<30 {
			return op.result(n, wire, took, after.Allocs-before.Allocs), nil
		}
		// Next time, do a tenth more than d seems to have time for, but at most a hundred times as
		// many as this time.
		n = min(100*n, max(n+1, int(1.1*float64(n)*float64(d)/float64(max(took, 1)))))
	}
}

// repeat does the operation n times. It returns how many bytes that made on the wire.
func (op *operation) repeat(n int) (wire int, err error) {
	for range n {
		w, err := op.f()
		if err != nil {
			return 0, err
		}
		wire += w
	}
	return wire, nil
}

// result returns the measurement, given what n operations came to.
func (op *operation) result(n, wire int, took time.Duration, allocs uint64) report.Micro {
	ns := float64(took) / float64(n)
	return report.Micro{
		Group: op.group, Name: op.name, NS: ns, MBs: float64(op.size) / ns * 1e3,
		Allocs: float64(allocs) / float64(n), Wire: float64(wire) / float64(n*op.size),
	}
}

const small = 128 // bytes of a small message

// reading returns the operations that receive small masked messages.
func reading() ([]operation, error) {
	const group = "read 128 B, binary, masked"
	ctx := context.Background()
	p := sample.Bytes(1, small)
	in, err := wire([][]byte{p}, frame.Header{Opcode: frame.Binary})
	if err != nil {
		return nil, err
	}
	g, err := gorillaServer(&stream{wire: in})
	if err != nil {
		return nil, err
	}
	c1 := ours(&stream{wire: in}, frame.Server, nil)
	c2 := ours(&stream{wire: in}, frame.Server, nil)
	var buf []byte
	check := func(got []byte, err error) (int, error) {
		if err == nil && (len(got) != small || got[0] != p[0] || got[small-1] != p[small-1]) {
			err = errWrong
		}
		return 0, err
	}
	return []operation{
		{group, "gorilla ReadMessage", small, func() (int, error) {
			_, got, err := g.ReadMessage()
			return check(got, err)
		}},
		{group, "ours Read", small, func() (int, error) {
			_, got, err := c1.Read(ctx)
			return check(got, err)
		}},
		{group, "ours ReadInto", small, func() (int, error) {
			_, got, err := c2.ReadInto(ctx, buf[:0])
			buf = got
			return check(got, err)
		}},
	}, nil
}

// writing returns the operations that send small messages, as a server and as a client.
func writing() ([]operation, error) {
	const (
		plain  = "write 128 B, binary, as a server"
		masked = "write 128 B, binary, as a client (masked)"
	)
	ctx := context.Background()
	p := sample.Bytes(2, small)
	gs, err := gorillaServer(&stream{})
	if err != nil {
		return nil, err
	}
	gc, err := gorillaClient(&stream{wire: make([]byte, 1)})
	if err != nil {
		return nil, err
	}
	s := ours(&stream{}, frame.Server, nil)
	c := ours(&stream{wire: make([]byte, 1)}, frame.Client, nil)
	return []operation{
		{plain, "gorilla WriteMessage", small, func() (int, error) {
			return 0, gs.WriteMessage(websocket.BinaryMessage, p)
		}},
		{plain, "ours Write", small, func() (int, error) {
			return 0, s.Write(ctx, ws.Binary, p)
		}},
		{masked, "gorilla WriteMessage", small, func() (int, error) {
			return 0, gc.WriteMessage(websocket.BinaryMessage, p)
		}},
		{masked, "ours Write", small, func() (int, error) {
			return 0, c.Write(ctx, ws.Binary, p)
		}},
	}, nil
}

// texts returns different messages of n bytes. If there were only one, the processor would learn to
// predict it.
func texts(n int) [][]byte {
	var all [][]byte
	for seed := range uint64(16) {
		all = append(all, sample.JSON(seed, n))
	}
	return all
}

// checkSame returns an error if the texts are not equal.
func checkSame(got, want []byte) error {
	if !bytes.Equal(got, want) {
		return errWrong
	}
	return nil
}
