package frame

// Lifecycle is how far a connection is on its way from open to closed (RFC 6455 section 7.1). It
// starts when the opening handshake is done. The zero value is [Open]. It changes through [Next]
// alone.
//
//	                    SendClose                ReceiveClose
//	          +------------------> CloseSent ------------------+
//	          |                                                v
//	        Open                                            Closing --- TransportClosed ---> Closed
//	          |                                                ^                               ^
//	          +----------------> CloseReceived ----------------+                               |
//	                ReceiveClose                 CloseWritten                                  |
//	                                                                                           |
//	Open, CloseSent ------------- Fail, Lost ---+                                              |
//	                                            +--> Failed ---------- TransportClosed --------+
//	CloseReceived --------------- Lost ---------+
//
// In Closing the closing handshake is complete, so the connection ends cleanly, however TCP is
// closed (section 7.1.4). In Failed it never will be complete.
type Lifecycle uint8

// The states. Data messages may be sent in Open only. They are received in Open and in CloseSent.
const (
	Open          Lifecycle = iota
	CloseSent               // this endpoint's Close frame went first, the peer's is still to come
	CloseReceived           // the peer's Close frame came first, the answer has not left yet
	Closing                 // both have sent one: a server closes TCP, then a client (section 7.1.1)
	Failed                  // a rule was broken or the transport is lost (section 7.1.7)
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

// Signal is something that happened to a connection and may change its [Lifecycle].
type Signal uint8

// The signals.
const (
	SendClose       Signal = iota // this endpoint wants to send a Close frame
	ReceiveClose                  // the peer's Close frame has arrived
	CloseWritten                  // the Close frame that ReplyClose or SendCloseFrame asked for has left
	Fail                          // the peer broke a rule, or this endpoint gives up
	Lost                          // the transport ended or failed, or the peer took too long
	TransportClosed               // TCP is closed on this side
)

var signalNames = [...]string{"send close", "receive close", "close written", "fail", "lost", "transport closed"}

// String returns the name of the signal, such as "receive close".
func (s Signal) String() string {
	if int(s) < len(signalNames) {
		return signalNames[s]
	}
	return "unknown"
}

// Action is what the owner of a connection has to do after a transition. It does so once.
type Action uint8

// The actions.
const (
	None            Action = iota // nothing
	SendCloseFrame                // send a Close frame and go on reading until the peer's arrives
	ReplyClose                    // send the answering Close frame, then signal CloseWritten
	SendAndShutdown               // send a Close frame with the error's code, then close TCP
	Drop                          // close TCP at once and send nothing
)

var actionNames = [...]string{"none", "send close frame", "reply close", "send and shutdown", "drop"}

// String returns the name of the action, such as "send close frame".
func (a Action) String() string {
	if int(a) < len(actionNames) {
		return actionNames[a]
	}
	return "unknown"
}

// step is one entry of the table of transitions.
type step struct {
	state  Lifecycle
	action Action
}

// transitions holds the answer for every state and every signal, in the order of their constants:
// SendClose, ReceiveClose, CloseWritten, Fail, Lost, TransportClosed.
var transitions = [Closed + 1][TransportClosed + 1]step{
	Open: {
		{CloseSent, SendCloseFrame},
		{CloseReceived, ReplyClose},
		{Open, None},
		{Failed, SendAndShutdown},
		{Failed, Drop},
		{Closed, None},
	},
	// Each endpoint sends one Close frame. After it, no frame is left that could tell the peer of
	// an error (section 5.5.1).
	CloseSent: {
		{CloseSent, None},
		{Closing, None},
		{CloseSent, None},
		{Failed, Drop},
		{Failed, Drop},
		{Closed, None},
	},
	// The answer is on its way already. So there is nothing left to do for a wish to close, and an
	// error comes too late.
	CloseReceived: {
		{CloseReceived, None},
		{CloseReceived, None},
		{Closing, None},
		{CloseReceived, None},
		{Failed, Drop},
		{Closed, None},
	},
	// The wait for the peer to close TCP ends when it does, or when it takes too long.
	Closing: {
		{Closing, None},
		{Closing, None},
		{Closing, None},
		{Closing, None},
		{Closing, Drop},
		{Closed, None},
	},
	Failed: {
		{Failed, None},
		{Failed, None},
		{Failed, None},
		{Failed, None},
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
	},
}

// Next returns the state that follows s when in happens, and what the owner of the connection has
// to do. It is pure and total: a signal that means nothing in a state, or is unknown, changes
// nothing and asks for nothing.
func Next(s Lifecycle, in Signal) (Lifecycle, Action) {
	if s > Closed || in > TransportClosed {
		return s, None
	}
	t := transitions[s][in]
	return t.state, t.action
}
