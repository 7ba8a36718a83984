package main

import (
	"bytes"
	"encoding/json"

	ws "github.com/rfc6455/ws/conn"
)

// subprotocol is specified in PROTOCOL.md of the npm package graphql-ws.
const subprotocol = "graphql-transport-ws"

// message is every message of the protocol, in both directions.
type message struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// The types of messages.
const (
	typeInit      = "connection_init"
	typeAck       = "connection_ack"
	typePing      = "ping"
	typePong      = "pong"
	typeSubscribe = "subscribe"
	typeNext      = "next"
	typeError     = "error"
	typeComplete  = "complete"
)

// request is the payload of a subscribe message: a query, a mutation or a subscription.
type request struct {
	OperationName string         `json:"operationName"`
	Query         *string        `json:"query"`
	Variables     map[string]any `json:"variables"`
}

// fault is something for which the protocol closes the connection.
type fault struct {
	code   ws.CloseCode
	reason string
}

func (f fault) Error() string { return f.reason }

// The faults of the protocol. 4400 and 4409 have reasons of their own.
var (
	errUnauthorized = fault{4401, "Unauthorized"}
	errForbidden    = fault{4403, "Forbidden"}
	errSubprotocol  = fault{4406, "Subprotocol not acceptable"}
	errInitTimeout  = fault{4408, "Connection initialisation timeout"}
	errInitTwice    = fault{4429, "Too many initialisation requests"}
)

func invalid(reason string) fault { return fault{4400, reason} }

func duplicate(id string) fault { return fault{4409, "Subscriber for " + id + " already exists"} }

// Payloads of error messages. Those of GraphQL itself come from the schema.
var (
	tooMany  = json.RawMessage(`[{"message":"too many operations at a time"}]`)
	notBegun = json.RawMessage(`[{"message":"the operation could not be begun"}]`)
)

// check reports whether m has what its type needs, as far as clients send it.
func (m message) check() error {
	object := len(m.Payload) > 0 && m.Payload[0] == '{'
	switch m.Type {
	case typeInit, typePing, typePong:
		if !object && m.Payload != nil && !bytes.Equal(m.Payload, []byte("null")) {
			return invalid("the payload of " + m.Type + " is no object")
		}
	case typeSubscribe, typeComplete:
		if m.ID == "" {
			return invalid("a message of type " + m.Type + " needs an id")
		}
		if m.Type == typeSubscribe && !object {
			return invalid("a message of type subscribe needs a payload")
		}
	default:
		return invalid("a message of a type that clients don't send")
	}
	return nil
}
