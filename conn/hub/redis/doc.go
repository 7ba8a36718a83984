// Package redis is a Broker of package hub on Redis 7 or later, or what speaks its protocol: one
// server, one with replicas and Sentinel, or a cluster.
//
//	client := goredis.NewClient(&goredis.Options{Addr: addr})   // or NewClusterClient
//	b, err := redis.New(client, redis.Config{Retention: hub.Retention{Messages: 1000}})
//	h := hub.Hub{Broker: b, Envelope: hub.JSON}
//
// # How it works
//
// Each topic has a stream with its latest messages, and a hash with its epoch and its last offset.
// A script adds a message to the stream and publishes it with sharded publish, so that all nodes
// see messages in the order of their offsets. Topics are spread over Config.Shards hash tags, and a
// node has one connection for the messages of each tag that it needs. In a cluster the tags lie on
// different servers. If a tag moves, or its server dies, the node makes another connection, and
// reads from the history what it has missed.
//
// # What it promises
//
// As much as Redis keeps. With "appendonly yes" and "appendfsync always" a server that is killed
// and starts again has every message that Publish has returned a position for. With other settings
// the last moments may be lost.
//
// In a cluster nothing is lost while slots move from server to server, nor if a replica takes over
// from a primary that lives (CLUSTER FAILOVER). While a slot moves, Publish waits until it has
// moved, and so does History if a topic is new or half of it has moved.
//
// If a primary has died and a replica takes over, what the replica had not got yet is lost, also if
// Publish has returned a position: Redis replicates asynchronously. min-replicas-to-write makes that
// less, and does not rule it out. Publishers are not told. Subscribers are: a node that has seen a
// lost message finds, when it is connected again, that the topic ends before it or has another
// message in its place. It begins a new epoch, and subscribers of the topic on all nodes get
// ErrHistoryLost. The same is so if a server has lost messages by a restart. It goes unnoticed only
// if every node that has seen the lost messages has ended or left the topic too, or if the messages
// that took their offsets are not kept any more when the node comes back.
//
// Publish tries again while its context lasts, and does not add a message that is among the latest
// [Config].Retention.Messages already. History waits 15 seconds at most for a server that can't
// answer, and Subscribe waits while its context lasts.
//
// A topic's messages are kept for Retention.Age after its last one, and its epoch for a day more.
// After that its positions are lost, also if nothing was published since. A server that evicts keys
// should evict those with volatile-lru or the like, and has the same effect.
//
// Without Retention.Messages a message arrives at most once. Publish tries again only if Redis has not
// taken the message for certain, and otherwise returns an error.
package redis
