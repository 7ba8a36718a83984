package opening

import (
	"errors"
	"maps"
	"net"
	"net/http"
	"time"

	"github.com/rfc6455/ws/conn/internal/pool"
	"github.com/rfc6455/ws/conn/internal/transport"
	"github.com/rfc6455/ws/handshake"
)

// refusal returns the reply to a request that failed with err. A hook's own error is not for the
// client's eyes. Nor is an error whose status does not refuse. Such a status means success, or a
// hook got it as the client of another handshake.
func refusal(err error) *handshake.Error {
	if refused := AsRefusal(err); refused != nil {
		return refused
	}
	return &handshake.Error{
		Status: http.StatusInternalServerError,
		Reason: "the server failed to handle the request",
	}
}

// AsRefusal returns the *handshake.Error in err if its status refuses. If not, it returns nil.
func AsRefusal(err error) *handshake.Error {
	e, ok := errors.AsType[*handshake.Error](err)
	if ok && e.Status >= 300 && e.Status <= 599 {
		return e
	}
	return nil
}

// RefuseHTTP sends err as the reply through net/http. It ends the connection, since a client that
// was refused has no other use for it. A reply with 426 is different, since it has to say
// "Connection: Upgrade". net/http passes that on only if it keeps the connection or, in HTTP/1.0,
// together with close.
func RefuseHTTP(w http.ResponseWriter, r *http.Request, err error) {
	e := refusal(err)
	for _, name := range [...]string{"Content-Length", "Content-Encoding", "Transfer-Encoding"} {
		w.Header().Del(name) // set before, for another body
	}
	maps.Copy(w.Header(), e.Header())
	switch {
	case OverStream(r): // HTTP/2 has no such headers; Connection would end all its streams
		for _, name := range [...]string{"Connection", "Upgrade", "Keep-Alive"} {
			w.Header().Del(name)
		}
	case e.Status != http.StatusUpgradeRequired:
		w.Header().Set("Connection", "close")
	case r.ProtoMinor == 0:
		w.Header().Set("Connection", "Upgrade, close")
	}
	w.WriteHeader(e.Status)
	_, _ = w.Write([]byte(e.Body())) // nobody is left to tell
}

// Refuse sends err as the reply, within the timeout of Write, and gives the peer time to read it. A
// socket that is closed with unread bytes is reset, and the reply is lost. So Refuse reads what the
// peer sends, for a second at most. The caller closes nc.
func Refuse(nc net.Conn, err error, timeout time.Duration) {
	if Write(nc, refusal(err).AppendResponse(nil), timeout) != nil {
		return
	}
	half, ok := nc.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	timer := time.AfterFunc(time.Second, func() { transport.CloseHard(nc) })
	defer timer.Stop()
	rest := pool.GetRead()
	defer pool.PutRead(rest)
	for drained := 0; drained < handshake.MaxHeaderBytes; {
		n, err := nc.Read(rest.Room[:])
		if err != nil {
			return
		}
		drained += n
	}
}
