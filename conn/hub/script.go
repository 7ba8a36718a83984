package hub

import (
	"bytes"
	_ "embed"
	"net/http"
	"strings"
	"time"
)

//go:embed client.js
var script []byte

//go:embed client.d.ts
var types []byte

// Script serves the client for browsers: a JavaScript module of less than 4 KiB, without
// dependencies. If the path ends in ".d.ts", it serves the module's types for TypeScript instead.
//
//	mux.Handle("/hub.js", hub.Script())
//
// A page then connects, and goes on after the last message that it has seen when it has to connect
// again:
//
//	import { connect } from "/hub.js";
//	const c = connect("wss://example.com/ws");
//	c.subscribe("room/7", { message: (text) => show(text), lost: () => location.reload() });
//
// The Hub needs [JSON] as its Envelope, and the connection's Events have to call [Hub.Command].
func Script() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, content := "hub.js", script
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		if strings.HasSuffix(r.URL.Path, ".d.ts") {
			name, content = "hub.d.ts", types
			w.Header().Set("Content-Type", "application/typescript; charset=utf-8")
		}
		w.Header().Set("Cache-Control", "no-cache")
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
	})
}
