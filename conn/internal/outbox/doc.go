// Package outbox is what a connection sends: a queue, what is encoded, and who writes it. It is a
// machine without a lock, a clock, goroutines or I/O. Package conn calls it with the connection's
// lock held, and does what the returned [Action] asks for.
//
// # Who writes
//
// One goroutine at a time owns the wire, and writes. Everybody else encodes what should leave, or
// waits. The states of the wire are [Wire]:
//
//	          Begin, Piece, or next finds something that may leave
//	Idle ------------------------------------------------------------> Owned <---> Urgent
//	 |  <------------------------------------------------------------    |            |
//	 |             FinishWrite, and nothing more has to leave            |            |
//	 |                                                                   |            |
//	 +---------------------------> Broken <------------------------------+------------+
//	     Lose, Break, or a message that was begun can't be finished
//
// Bytes go one way. The line holds what is not encoded. What is in out is encoded, and nobody
// writes it yet. The owner writes the batch:
//
//	Write, Flush        Append, Send     Ping, Pong, Close
//	     |                 |      |             |
//	     | Add             |      | Enqueue     |
//	     v                 |      v             |
//	   line <--------------+     out <----------+
//	     |     (others are        |
//	     |      ahead)            |  gather
//	     +----------------------> + ---------> batch ---------> the transport
//	       gather                                ^  FinishWrite
//	                                             |
//	Write, if nobody is ahead -------------------+
//	                           Begin
//
// A message leaves in one of these ways:
//
//   - The fast path is [Outbox.Begin]: the wire is idle and nobody is ahead ([Outbox.Clear]). The
//     caller of Write encodes its message, writes the batch and calls [Outbox.FinishWrite]. Nothing
//     waits and nothing is allocated.
//   - Else [Outbox.Add] puts an [Entry] into the line, on which the caller waits. When the owner is
//     done, next gathers a new batch: all of out, then as much of the line as fits. If the first
//     entry has a goroutine that may write, it is the new owner and is woken to write ([Owner]).
//     The others of the batch are [Taken], and are told when it is out.
//   - [Outbox.Enqueue] takes messages that nobody waits for. If the batch has no goroutine of its
//     own, the Action is [Write], and the caller provides one.
//   - A message of several frames takes the turn ([Outbox.TakeTurn]). It has the turn until its
//     last frame is encoded. Meanwhile other messages wait in the line, and control frames pass.
//     There is one place for its next frame ([Outbox.Piece]), which does not go through the line.
//
// A caller whose context ends calls [Outbox.Withdraw] if it waits, or [Outbox.Leave] if it writes.
// Its frame is taken back if nothing of it is out and nothing counts on it. If a part of the
// message is out, the rest is kept, within the bound. If it can't be kept, the wire breaks: nothing
// may follow that the peer could take for the rest. How the sending ends as a whole is in end.go.
//
// # Invariants
//
// TestExplore walks through every order of events, and holds these in every state:
//
//   - One goroutine owns the wire while it is Owned or Urgent, and the batch has bytes to write
//     (checkOwner).
//   - Each wait is told once, and waits are served in the order of asking (checkWaits).
//   - Messages leave in the order of asking. Between two frames of one message there is none of
//     another (takePlain).
//   - A message that was cut is followed by nothing that completes it (complete), and nothing
//     follows a Close frame (take).
//   - A frame that is taken back leaves no trace in the compression: what the peer inflates is what
//     was sent (takeZipped).
//   - What callers are told of their messages is true (checkFates), and what was accepted leaves,
//     unless a policy drops it (checkAccepted).
//   - What is kept stays within the bound, and a caller that leaves nothing behind does no harm
//     (enqueue, checkLeave).
//   - The counts of bytes are right, and Drained is told (checkSizes).
//   - Whatever happens, everything comes to rest, and then nobody waits (settles, checkRest).
package outbox
