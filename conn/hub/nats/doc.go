// Package nats is a Broker of package hub on NATS, with JetStream for history.
//
//	nc, err := natsgo.Connect(url, natsgo.MaxReconnects(-1))
//	b, err := nats.New(ctx, nc, nats.Config{Retention: hub.Retention{Messages: 1000}})
//	h := hub.Hub{Broker: b, Envelope: hub.JSON}
//
// The servers have to be version 2.11 or later.
//
// # How it works
//
// All topics are subjects of one stream. JetStream numbers a message and stores it, and then
// republishes it to the nodes, with its number and with that of the topic's message before. So a
// node has one plain subscription for each topic, and sees at once if it has missed something. It
// reads that from the stream.
//
// # What it promises
//
// A message that Publish has returned a position for is stored on Config.Replicas servers. A server
// that is killed and starts again has it. Publish tries again while its context lasts, and the
// server recognises a message that it has already, for two minutes. So a server's restart neither
// loses nor doubles a message, as long as it takes less than that.
//
// A position gets too old in two ways. The topic's messages after it are more than
// Retention.Messages. Or the stream has dropped old messages, because of Retention.Age or
// Config.MaxBytes, and nothing of the topic is left that would show that nothing is missing: a
// topic that is silent for longer than Age makes subscribers begin anew. Without Age and MaxBytes
// the stream keeps the last messages of each topic for ever.
//
// Publish, History, Subscribe and presence ask again if the connection is lost while an answer is due.
// Presence is in the servers' memory. If they have lost it by a restart, every node announces its own
// part again within half a minute.
//
// Without Retention.Messages there is no stream. A message arrives at most once, as NATS core has
// it.
package nats
