package autobahn

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/rfc6455/ws/autobahn/internal/engine"
)

// trial opens one WebSocket before the cases, and closes it. Otherwise a server without
// WebSockets at this path would pass all cases that want a refusal. If the status is 101 but
// the rest of the response is wrong, the trial passes: the cases say what is wrong.
func (r *clientRun) trial(ctx context.Context) error {
	t, err := r.test(ctx, &engine.Script{Steps: []engine.Step{engine.Begin{Code: 1000}}, Close: engine.NormalClose, OK: engine.Nothing})
	if err != nil {
		return fmt.Errorf("websocket: cannot connect to %s: %w", publicURL(r.url), err)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := whyNotOpen(t); err != nil {
		return fmt.Errorf("websocket: %s opens no WebSocket: %w", publicURL(r.url), err)
	}
	return nil
}

// publicURL returns a URL without user, password and query, which may be secrets.
func publicURL(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// whyNotOpen says why the server's response to the usual request opened no connection;
// nil: its status is 101.
func whyNotOpen(t *engine.Tester) error {
	r, err := http.ReadResponse(bufio.NewReader(strings.NewReader(t.Rec.HTTPResponse)), nil)
	switch {
	case err != nil && t.Rec.WasNotCleanReason != nil:
		return errors.New(*t.Rec.WasNotCleanReason)
	case err != nil:
		return err
	case r.StatusCode == http.StatusSwitchingProtocols:
		return nil
	}
	return fmt.Errorf("the status is %s%s", r.Status, hint(r.StatusCode))
}

// hint returns a question that helps to find out why a server answers with a status; empty:
// there is none.
func hint(status int) string {
	switch {
	case status < 400, status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		return ": is the path right?"
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return ": does the server ask for an Origin or a token? Neither is sent"
	case status == http.StatusBadRequest:
		return ": is it ws, or wss?"
	}
	return ""
}
