package outbox

import "slices"

// A cloner copies a system, so that two events can be tried from the same state.
type cloner struct {
	entries  [][2]*Entry
	messages [][2]*Message
}

// clone copies s, which must not compress: an encoder can't be copied.
func (s *system) clone() *system {
	var c cloner
	t := new(system)
	*t = system{
		sc: s.sc, flusher: s.flusher, ended: s.ended, pings: s.pings, owes: s.owes, asked: s.asked,
		broke: s.broke, silent: s.silent, zips: slices.Clip(s.zips), peer: s.peer,
	}
	t.peer.wire = slices.Clone(s.peer.wire)
	t.actors = make([]*actor, len(s.actors))
	for i, a := range s.actors {
		b := *a
		b.m, b.e = c.message(a.m), c.entry(a.e)
		t.actors[i] = &b
	}
	o, p := &s.o, &t.o
	p.life.Store(o.life.Load())
	p.enc, p.wire, p.policy, p.vectors, p.bound = o.enc, o.wire, o.policy, o.vectors, o.bound
	p.out, p.batch = c.batch(o.out), c.batch(o.batch)
	if l := o.line; l != nil {
		p.line = c.line(l)
	}
	t.drained = s.drained
	if p.line != nil && len(p.marks) > 0 {
		t.drained = p.marks[0].reached
	}
	return t
}

func (c *cloner) line(l *line) *line {
	k := &line{
		queued: l.queued, waiting: l.waiting, dropped: l.dropped, late: l.late, spares: l.spares,
		head: c.entry(l.head), piece: c.entry(l.piece), turn: c.message(l.turn), spare: c.entry(l.spare),
	}
	if l.late != nil {
		late := slices.Clone(*l.late)
		k.late = &late
	}
	for e := k.head; e != nil; e = e.next {
		k.tail = e
	}
	for _, m := range l.marks {
		k.marks = append(k.marks, mark{m.bytes, make(chan struct{})})
	}
	return k
}

func (c *cloner) batch(b *Batch) *Batch {
	if b == nil {
		return nil
	}
	return &Batch{
		buf: slices.Clone(b.buf), vec: b.vec, off: b.off, pongs: b.pongs, own: b.own, taken: c.entry(b.taken),
		ownerless: b.ownerless,
	}
}

// message copies m, which has an entry of its own within.
func (c *cloner) message(m *Message) *Message {
	if m == nil {
		return nil
	}
	for _, known := range c.messages {
		if known[0] == m {
			return known[1]
		}
	}
	n := &Message{Type: m.Type, Whole: m.Whole, Zipped: m.Zipped, wire: m.wire, lost: m.lost}
	c.messages = append(c.messages, [2]*Message{m, n})
	c.entries = append(c.entries, [2]*Entry{&m.entry, &n.entry})
	c.fill(&n.entry, &m.entry)
	return n
}

func (c *cloner) entry(e *Entry) *Entry {
	if e == nil {
		return nil
	}
	if e.msg != nil {
		c.message(e.msg)
	}
	for _, known := range c.entries {
		if known[0] == e {
			return known[1]
		}
	}
	f := new(Entry)
	c.entries = append(c.entries, [2]*Entry{e, f})
	c.fill(f, e)
	return f
}

func (c *cloner) fill(f, e *Entry) {
	f.content, f.err, f.kind, f.state, f.fin, f.passive = e.content, e.err, e.kind, e.state, e.fin, e.passive
	f.msg, f.next = c.message(e.msg), c.entry(e.next)
	if e.wake == nil {
		f.content.Payload = slices.Clone(e.content.Payload) // the outbox gives it to the pool
		return
	}
	f.wake = make(chan struct{}, 3) // room to be told once too often, which a check then finds
	for range len(e.wake) {
		f.wake <- struct{}{}
	}
}
