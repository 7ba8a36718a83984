package opening

import (
	"context"
	"crypto/tls"
	"net/http/httptrace"
)

// clientTrace returns the hooks of the httptrace.ClientTrace in ctx that a dial calls itself. None
// of them is nil. Package net calls the hooks of the name's resolution and of connecting.
func clientTrace(ctx context.Context) httptrace.ClientTrace {
	t := httptrace.ContextClientTrace(ctx)
	if t == nil {
		t = new(httptrace.ClientTrace)
	}
	hooks := httptrace.ClientTrace{
		TLSHandshakeStart: t.TLSHandshakeStart, TLSHandshakeDone: t.TLSHandshakeDone,
		WroteRequest: t.WroteRequest, GotFirstResponseByte: t.GotFirstResponseByte,
	}
	if hooks.TLSHandshakeStart == nil {
		hooks.TLSHandshakeStart = func() {}
	}
	if hooks.TLSHandshakeDone == nil {
		hooks.TLSHandshakeDone = func(tls.ConnectionState, error) {}
	}
	if hooks.WroteRequest == nil {
		hooks.WroteRequest = func(httptrace.WroteRequestInfo) {}
	}
	if hooks.GotFirstResponseByte == nil {
		hooks.GotFirstResponseByte = func() {}
	}
	return hooks
}
