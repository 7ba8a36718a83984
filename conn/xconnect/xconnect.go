// Package xconnect lets net/http's server accept WebSockets over HTTP/2 (RFC 8441). Import it, for
// that effect alone, in the main package of a server:
//
//	import _ "github.com/rfc6455/ws/conn/xconnect"
//
// A page that a browser loaded over HTTP/2 then opens its WebSockets as streams of the same
// connection, and ws.Upgrader accepts them: Request.ProtoMajor is 2 in Events.Open. Without it
// browsers use a connection of HTTP/1.1 for each socket, as they always did. Nothing else changes.
//
// The method of such a request is CONNECT. A route for GET alone, such as the pattern "GET /chat" of
// http.ServeMux, answers it with 405, and the page can't connect. Leave the method out of the
// pattern: "/chat" matches both.
//
// # What it does
//
// net/http announces SETTINGS_ENABLE_CONNECT_PROTOCOL if the environment variable GODEBUG holds
// http2xconnect=1 when the program starts. Go 1.26 and 1.27 have no other way: a //go:debug line is
// refused, and http.HTTP2Config has no field for it. So this package sets the variable in the
// environment of the process, before net/http looks: it adds http2xconnect=1 to what GODEBUG holds
// already. Processes that the program starts inherit it, as they do the rest of the environment. The
// import is for programs: a library should leave the choice to the program that imports it.
//
// The setting is off by default because it makes browsers use what handlers of older WebSocket
// packages cannot answer: they fail with status 501 or the like. Import xconnect if all WebSocket
// handlers of the program are this module's, or know HTTP/2 as well.
//
// GODEBUG=http2xconnect=1 in the program's environment does the same without this package.
// GODEBUG=http2xconnect=0 there switches it off, with this package or without: this package never
// overrules it.
//
// # Why it works
//
// Go initialises the packages of a program one by one. Of the packages whose imports are
// initialised, the one whose path sorts first is next. This package needs os alone, so it is ready
// before net/http is, and its path sorts before "net/http". A test checks that. If a copy of this
// module has a path that sorts behind, set the variable in the environment instead.
//
// To see whether it works, log Request.ProtoMajor in Events.Open, or look for
// SETTINGS_ENABLE_CONNECT_PROTOCOL (0x08) in the output of "nghttp -nv".
package xconnect

import "os"

func init() {
	const name = "GODEBUG"
	if v, changed := enable(os.Getenv(name)); changed {
		_ = os.Setenv(name, v) // can't fail for this name
	}
}

const setting = "http2xconnect"

// enable returns v, a value of GODEBUG, with the setting added. If v has the setting, on or off, v
// stays as it is.
func enable(v string) (enabled string, changed bool) {
	for rest := v; len(rest) > len(setting); rest = rest[1:] {
		if rest[:len(setting)+1] == setting+"=" {
			return v, false
		}
	}
	if v != "" {
		v += ","
	}
	return v + setting + "=1", true
}
