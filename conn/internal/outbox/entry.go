package outbox

// kind says what an entry stands for.
type kind uint8

const (
	message   kind = iota // a message of one frame
	piece                 // the next frame of the message that has the turn
	turn                  // a message of several frames asks for the turn
	flush                 // waits until everything ahead is out
	closeWord             // the Close frame of this side's Close
)

// EntryState is how far an entry has come.
type EntryState uint8

// The states.
const (
	Waiting EntryState = iota // in the queue: it can be withdrawn
	Owner                     // in the batch, and its goroutine has to write that
	Taken                     // in the batch, which another goroutine writes
	Done                      // out, or failed with Err; a turn is granted
)

// Entry is one place in the queue. Its goroutine, if it has one, waits on Wake, and is told exactly
// once for each wait: that it owns the wire (Owner), or that it is done (Done).
type Entry struct {
	next    *Entry
	content Content  // of a message; the payload of a piece or a Close frame
	msg     *Message // of a turn or a piece
	err     error
	wake    chan struct{} // nil if nobody waits
	kind    kind
	state   EntryState
	fin     bool // of a piece
	passive bool // its goroutine never writes: see Outbox.Add
}

// Wake returns the channel that tells the waiting goroutine to look at State.
func (e *Entry) Wake() <-chan struct{} { return e.wake }

// State returns how far the entry has come.
func (e *Entry) State() EntryState { return e.state }

// Err returns why the entry failed; nil if it did not.
func (e *Entry) Err() error { return e.err }

// tell moves e on and wakes its goroutine.
func (e *Entry) tell(s EntryState, err error) {
	e.state, e.err = s, err
	if e.wake != nil {
		e.wake <- struct{}{} // never full: one token for each wait
	}
}

// size is what an entry that nobody waits for counts for the bound of the queue.
func (e *Entry) size() int { return len(e.content.Payload) + e.content.Prepared.Size() }

// line is what waits. Most connections have none: what they send leaves at once.
type line struct {
	head, tail *Entry
	queued     int // bytes of the entries that nobody waits for
	waiting    int // how many these are

	turn  *Message // the message of several frames that has the turn
	piece *Entry   // its next frame, which waits for the wire

	late    *[]byte // payload of the latest pong beyond maxPongBytes; nil: none
	marks   []mark
	dropped uint64

	spare  *Entry
	spares uint8 // how many entries spare has
}

// maxSpares bounds the entries that are kept for the next waits. They are the connection's own: a
// channel of a sync.Pool could come from another testing/synctest bubble.
const maxSpares = 4

// makeLine returns the line. It makes one if there is none.
func (o *Outbox) makeLine() *line {
	if o.line == nil {
		o.line = new(line)
	}
	return o.line
}

// newEntry returns an entry whose end somebody waits for.
func (o *Outbox) newEntry(k kind) *Entry {
	l := o.makeLine()
	e := l.spare
	if e == nil {
		return &Entry{kind: k, wake: make(chan struct{}, 1)}
	}
	l.spare, e.next = e.next, nil
	l.spares--
	e.kind = k
	return e
}

// Recycle gives back an entry that [Outbox.Add] or [Outbox.Flush] returned and whose wait is over:
// Wake has been received and the state is Done, or it is Owner and the batch has been written.
func (o *Outbox) Recycle(e *Entry) {
	l := o.line
	if e.msg != nil || l.spares == maxSpares {
		return
	}
	*e = Entry{wake: e.wake, next: l.spare}
	l.spare = e
	l.spares++
}

// ahead reports whether a message may not be encoded now, because others come first.
func (l *line) ahead() bool { return l != nil && (l.head != nil || l.turn != nil) }

// ready reports whether something in the line may be encoded, or have the turn.
func (l *line) ready() bool {
	return l != nil && (l.piece != nil || l.turn == nil && l.head != nil)
}

// size is how many bytes wait in the line.
func (l *line) size() int {
	switch {
	case l == nil:
		return 0
	case l.late != nil:
		return l.queued + len(*l.late)
	}
	return l.queued
}

// push puts an entry at the end of the line.
func (l *line) push(e *Entry) {
	if l.tail == nil {
		l.head = e
	} else {
		l.tail.next = e
	}
	l.tail = e
	if e.wake == nil {
		l.queued += e.size()
		l.waiting++
	}
}

// unlink takes e, which follows prev, out of the line; prev is nil at the head.
func (l *line) unlink(prev, e *Entry) {
	if prev == nil {
		l.head = e.next
	} else {
		prev.next = e.next
	}
	if l.tail == e {
		l.tail = prev
	}
	e.next = nil
	if e.wake == nil {
		l.queued -= e.size()
		l.waiting--
	}
}

// remove takes e, which waits, out of the line.
func (l *line) remove(e *Entry) {
	if l.piece == e {
		l.piece = nil
		return
	}
	var prev *Entry
	for x := l.head; x != e; x = x.next {
		prev = x
	}
	l.unlink(prev, e)
}
