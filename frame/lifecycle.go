package frame

// Lifecycle is how far a connection is on its way from open to closed (RFC 6455 section 7.1). It starts when the
// opening handshake is done; the zero value is Open. It changes through [Next] alone.
//
//	                    SendClose                ReceiveClose
//	          +------------------> CloseSent ------------------+
//	          |                                                v
//	        Open                                            Closing --- TransportClosed ---> Closed
//	          |                                                ^                               ^
//	          +----------------> CloseReceived ----------------+                               |
//	                ReceiveClose                 CloseWritten                                  |
//	                                                                                           |
//	Open, CloseSent, CloseReceived --- Fail, Lost, Timeout ---> Failed --- TransportClosed ----+
//
// In Closing the handshake is complete, so the close of TCP that follows is a clean one (section 7.1.4), however it
// comes about. In Failed it never will be.
type Lifecycle uint8

// The states. Data messages may be sent in Open only, and are taken in Open and CloseSent.
const (
	Open          Lifecycle = iota
	CloseSent               // our Close frame went first, the peer's is awaited
	CloseReceived           // the peer's Close frame came first, ours is owed
	Closing                 // both were exchanged, TCP is to be closed (section 7.1.1)
	Failed                  // a rule was broken or the transport is lost: nothing more is processed (section 7.1.7)
	Closed                  // TCP is closed
)

var lifecycleNames = [...]string{"open", "close sent", "close received", "closing", "failed", "closed"}

// String returns the name of the state, such as "close sent".
func (s Lifecycle) String() string {
	if int(s) < len(lifecycleNames) {
		return lifecycleNames[s]
	}
	return "unknown"
}

// Clean reports whether the closing handshake is complete and TCP not yet closed (RFC 6455 section 7.1.4). To learn
// whether a connection was closed cleanly, ask it of the state that TransportClosed finds.
func (s Lifecycle) Clean() bool {
	return s == Closing
}

// Signal is something that happened to a connection and may change its Lifecycle.
type Signal uint8

// The signals.
const (
	SendClose       Signal = iota // this endpoint wants to send a Close frame
	ReceiveClose                  // the peer's Close frame has arrived
	CloseWritten                  // the Close frame that ReplyClose or SendCloseFrame asked for has left
	Fail                          // the peer broke a rule, or this endpoint gives up while the transport is sound
	Lost                          // the transport ended or failed
	Timeout                       // the peer took too long
	TransportClosed               // TCP is closed on this side
)

// Action is what the owner of a connection has to do after a transition. It does it once.
type Action uint8

// The actions.
const (
	None            Action = iota // nothing
	SendCloseFrame                // send a Close frame and go on reading until the peer's arrives
	ReplyClose                    // send the answering Close frame, then signal CloseWritten
	Shutdown                      // close TCP in good order: a server at once, a client after the server (section 7.1.1)
	SendAndShutdown               // send one Close frame with the error's code, then close TCP (section 7.1.7)
	Drop                          // close TCP at once and send nothing
)

// step is one entry of the table of transitions.
type step struct {
	state  Lifecycle
	action Action
}

// transitions holds the answer for every state and every signal, in the order of their constants: SendClose,
// ReceiveClose, CloseWritten, Fail, Lost, Timeout, TransportClosed.
var transitions = [Closed + 1][TransportClosed + 1]step{
	Open: {
		{CloseSent, SendCloseFrame},
		{CloseReceived, ReplyClose},
		{Open, None},
		{Failed, SendAndShutdown},
		{Failed, Drop},
		{Failed, Drop},
		{Closed, None},
	},
	// One Close frame in each direction: an error after ours has no frame left to tell it with (section 5.5.1).
	CloseSent: {
		{CloseSent, None},
		{Closing, Shutdown},
		{CloseSent, None},
		{Failed, Drop},
		{Failed, Drop},
		{Failed, Drop},
		{Closed, None},
	},
	// The reply is under way, so a wish to close is granted and an error of our own comes too late.
	CloseReceived: {
		{CloseReceived, None},
		{CloseReceived, None},
		{Closing, Shutdown},
		{CloseReceived, None},
		{Failed, Drop},
		{Failed, Drop},
		{Closed, None},
	},
	// The peer's end of TCP, or its silence, ends the wait for it.
	Closing: {
		{Closing, None},
		{Closing, None},
		{Closing, None},
		{Closing, None},
		{Closing, Drop},
		{Closing, Drop},
		{Closed, None},
	},
	Failed: {
		{Failed, None},
		{Failed, None},
		{Failed, None},
		{Failed, None},
		{Failed, Drop},
		{Failed, Drop},
		{Closed, None},
	},
	Closed: {
		{Closed, None},
		{Closed, None},
		{Closed, None},
		{Closed, None},
		{Closed, None},
		{Closed, None},
		{Closed, None},
	},
}

// Next returns the state after a signal and what is to be done about it. It is a pure function and total: a signal that
// means nothing in a state, or is unknown, leaves the state as it is and asks for nothing.
func Next(s Lifecycle, in Signal) (Lifecycle, Action) {
	if s > Closed || in > TransportClosed {
		return s, None
	}
	t := transitions[s][in]
	return t.state, t.action
}
