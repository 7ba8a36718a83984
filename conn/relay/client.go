package relay

import (
	"io"
	"log"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/rfc6455/ws/conn/internal/opening"
	"github.com/rfc6455/ws/conn/internal/transport"
	"github.com/rfc6455/ws/handshake"
)

// accept answers the client's handshake with what the backend has chosen. If it returns an error,
// it has refused.
func (p *Proxy) accept(
	w http.ResponseWriter, r *http.Request, req *handshake.Request,
	backend accepted, resp *http.Response,
) (accepted, error) {
	chosen := func(*handshake.Request) (string, error) { return backend.agreed.Subprotocol, nil }
	agreed, err := handshake.Respond(req, &handshake.Policy{
		Origins:           []string{handshake.AnyOrigin}, // the backend has decided
		SelectSubprotocol: chosen,
		Extensions:        backend.agreed.Extensions,
		Header:            opening.ResponseHeader(responseHeader(resp), w.Header()),
	})
	if err != nil {
		p.refuse(w, r, err)
		return accepted{}, err
	}
	if opening.OverStream(r) {
		return acceptStream(w, r, &agreed)
	}
	nc, early, err := opening.Hijack(w)
	if err != nil {
		p.refuse(w, r, err)
		return accepted{}, err
	}
	_ = nc.SetDeadline(time.Time{}) // lifts net/http's
	var answer []byte
	if req.ExpectsContinue() {
		answer = append(answer, handshake.Continue...)
	}
	if err := opening.Write(nc, agreed.AppendResponse(answer, req), handshakeTimeout); err != nil {
		_ = nc.Close()
		return accepted{}, err
	}
	return accepted{link: transport.FitNet(nc), early: early}, nil
}

// acceptStream answers an extended CONNECT.
func acceptStream(
	w http.ResponseWriter, r *http.Request, agreed *handshake.Accepted,
) (accepted, error) {
	h := http.Header{}
	agreed.AddHeader(h)
	if g := transport.GiverOf(w); g != nil { // HTTP/3: the stream outlives the handler
		s, err := g.GiveStream(h, handshakeTimeout)
		if err != nil {
			return accepted{}, err
		}
		return accepted{link: transport.Fit(s)}, nil
	}
	s, err := transport.NewServerStream(w, r)
	if err != nil {
		opening.RefuseHTTP(w, r, &handshake.Error{
			Status: http.StatusNotImplemented,
			Reason: "this server can't take over the stream; connect with HTTP/1.1",
		})
		return accepted{}, err
	}
	if err := s.Respond(h); err != nil {
		return accepted{}, err
	}
	return accepted{link: transport.Fit(s), wait: s.Wait}, nil
}

// responseHeader returns the header of a backend's response that the client gets, too.
func responseHeader(resp *http.Response) http.Header {
	h := resp.Header.Clone()
	removeHopByHop(h)
	removeOwn(h)
	return h
}

// refuseWith answers a request whose dial has failed.
func (p *Proxy) refuseWith(w http.ResponseWriter, r *http.Request, resp *http.Response, err error) {
	resp = refusal(resp, err)
	if resp == nil {
		p.refuse(w, r, err)
		return
	}
	body, _ := io.ReadAll(resp.Body) // lies in memory
	h := responseHeader(resp)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	maps.Copy(w.Header(), h)
	w.WriteHeader(resp.StatusCode)
	_, _ = w.Write(body)
}

// refuse answers a request that failed with err.
func (p *Proxy) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if p.ErrorHandler != nil {
		p.ErrorHandler(w, r, err)
		return
	}
	if r.Context().Err() == nil { // else the client has gone
		p.logger(r).Printf("websocket: relay: %v", err)
	}
	status := Status(err)
	http.Error(w, strconv.Itoa(status)+" "+http.StatusText(status), status)
}

// logger returns where errors are logged.
func (p *Proxy) logger(r *http.Request) *log.Logger {
	if p.ErrorLog != nil {
		return p.ErrorLog
	}
	srv, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	if ok && srv.ErrorLog != nil {
		return srv.ErrorLog
	}
	return log.Default()
}
