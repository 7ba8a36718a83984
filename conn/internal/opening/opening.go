// Package opening has what dialing and accepting need around the opening handshake. Package
// handshake has the text of the handshake itself. Nothing here knows of a WebSocket connection.
//
// The client's side:
//
//   - [Client.Dial] opens a connection to one server and asks for the handshake. On the way it
//     waits for its turn ([Turns]), makes a proxy open a tunnel, runs TLS, and reads the response.
//   - [Hop] is one server in a chain of redirects: where it is, and which headers it gets.
//   - [Client.Explain] makes the error for a dial that has failed.
//
// The server's side: without net/http, [ReadRequest] reads a request, [Write] sends the response,
// and [Refuse] sends a refusal. With net/http, [Hijack] takes the connection over, and [RefuseHTTP]
// sends a refusal.
//
// Contexts and timeouts bound all of this. They use deadlines of the transport ([ByDeadline]). If
// it may have none that work, they close it ([ByClose]).
package opening

// readSize is how many bytes of a handshake are read at once.
const readSize = 4 << 10
