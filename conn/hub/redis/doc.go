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
// different servers.
//
// # What it promises
//
// As much as Redis keeps. With "appendonly yes" and "appendfsync always" a server that is killed
// and starts again has every message that Publish has returned a position for. With other settings,
// and if a replica takes over, the last moments may be lost. If a topic then ends before the place
// where a node was, the node notices, begins a new epoch, and subscribers are told ErrHistoryLost.
// That is not so if other messages have taken the lost ones' offsets before that.
//
// Publish tries again while its context lasts, and does not add a message that is among the latest
// [Config].Retention.Messages already.
//
// A topic's messages are kept for Retention.Age after its last one, and its epoch for a day more.
// After that its positions are lost, also if nothing was published since. A server that evicts keys
// should evict those with volatile-lru or the like, and has the same effect.
//
// Without Retention.Messages a message arrives at most once.
package redis
