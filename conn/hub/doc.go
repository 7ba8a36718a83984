// Package hub is topics for connections of package conn: on one node, or on many that share a
// broker. Clients that come back get what they have missed.
//
//	var h hub.Hub                                                // one node, in memory
//	pos, err := h.Subscribe(ctx, c, "room/7", hub.Position{})    // from now on
//	pos, err := h.Publish(ctx, "room/7", ws.Text, p)             // to everybody in the room
//	members, err := h.Presence(ctx, "room/7")                    // who is there
//
// A message is framed, and compressed, once per node for each kind of connection, and each
// connection gets it by [ws.Conn.SendPrepared]. So Config.QueuePolicy decides what happens if a
// peer is slow. A subscription ends with its connection. It costs 160 bytes at most, and a topic
// that nobody is subscribed to costs nothing.
//
// # Many nodes
//
// Hub.Broker joins the Hubs of many processes. Packages nats and redis below this one have Brokers,
// each in a module of its own. A node subscribes at its broker once for each topic, however many
// connections want it.
//
// # What is promised
//
// A [Position] is a place in a topic. If the broker keeps history, a connection that subscribes from
// a Position gets every message after it once, and in order: those that it has missed, and then
// those to come. That holds if the node loses its connection to the broker and finds it again, if
// the broker starts again with its messages, and if the client comes back on another node. If
// messages are gone, because too many have come or because the broker has lost them,
// [Hub.Subscribe] returns [ErrHistoryLost], and Hub.Lost is called for subscriptions that existed.
// There is never a gap in silence. QueueDropNewest, QueueDropOldest and conflated topics make gaps
// on purpose.
//
// Without history a message arrives at most once.
//
// A publisher whose call fails does not know whether the message was published. If it publishes
// again, the message may be in the topic twice, as two messages.
//
// # Clients
//
// A client that does not come back to where it was needs no library: messages are what was
// published. Recovery needs the position of each message, which [JSON] adds as Hub.Envelope. Then
// [Hub.Command] lets clients subscribe, and [Script] is a JavaScript file that does the client's
// side.
//
// # Rules for programs
//
// A hook of ws.Trace and a function of [ws.Conn.AfterClose] must not call the Hub, since they may
// run while a topic sends. Hub.Envelope must not either.
package hub
