package site

import (
	"embed"
	"io/fs"
	"net/http"
	"strings"
)

// files is the page: plain HTML, CSS and JavaScript, served as they are.
//
//go:embed page
var files embed.FS

// policy is the page's Content-Security-Policy. It allows the page's own files and its own server's
// sockets, nothing inline, and no string to be parsed as HTML, since messages of strangers are
// shown. 'self' covers ws and wss (CSP 3 section 6.7.2.8).
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// policyOfGo is policy for a page that runs WebAssembly.
var policyOfGo = strings.Replace(policy, "script-src 'self'", "script-src 'self' 'wasm-unsafe-eval'", 1)

// page serves the embedded files.
func page() http.Handler {
	sub, err := fs.Sub(files, "page")
	if err != nil {
		panic(err) // the folder is named in the embed directive above
	}
	return static(sub, policy)
}

// static serves files under a Content-Security-Policy.
func static(files fs.FS, policy string) http.Handler {
	server := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-cache") // the next build has the same names
		server.ServeHTTP(w, r)
	})
}
