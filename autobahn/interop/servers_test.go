package interop

import "strings"

// The web servers, as reverse proxies. As nginx and HAProxy, they end TLS.
var (
	caddy = &proxy{name: "Caddy (TLS)", program: "caddy", arguments: []string{"run", "--adapter", "caddyfile", "--config"}, config: func(port, backend, dir string) string {
		return `
{
  admin off
  auto_https disable_redirects
  storage file_system ` + dir + `
}
https://127.0.0.1:` + port + ` {
  bind 127.0.0.1
  tls ` + built.certificate + ` ` + built.certificate + `
  reverse_proxy 127.0.0.1:` + backend + `
}
`
	}}
	apache = &proxy{name: "Apache (TLS)", program: "apache2", arguments: []string{"-X", "-f"}, config: func(port, backend, dir string) string {
		var modules strings.Builder
		for _, name := range []string{"mpm_event", "authz_core", "socache_shmcb", "ssl", "proxy", "proxy_http", "proxy_wstunnel", "http2"} {
			modules.WriteString("LoadModule " + name + "_module /usr/lib/apache2/modules/mod_" + name + ".so\n")
		}
		return modules.String() + `
ServerName 127.0.0.1
ServerRoot ` + dir + `
DefaultRuntimeDir ` + dir + `
PidFile ` + dir + `/pid
ErrorLog /dev/stderr
User nobody
Group nogroup
Listen 127.0.0.1:` + port + `
Protocols http/1.1
SSLEngine on
SSLCertificateFile ` + built.certificate + `
ProxyPass / ws://127.0.0.1:` + backend + `/
ProxyPreserveHost On
`
	}}
	lighttpd = &proxy{name: "lighttpd (TLS)", program: "lighttpd", arguments: []string{"-D", "-f"}, config: func(port, backend, dir string) string {
		return `
server.modules = ("mod_openssl", "mod_proxy") # Debian: lighttpd-mod-openssl
server.stream-request-body = 2
server.stream-response-body = 2
server.document-root = "` + dir + `"
server.bind = "127.0.0.1"
server.port = ` + port + `
ssl.engine = "enable"
ssl.pemfile = "` + built.certificate + `"
proxy.server = ("" => (("host" => "127.0.0.1", "port" => ` + backend + `)))
proxy.header = ("upgrade" => "enable")
`
	}}
)

// apacheHTTP2 is Apache for clients that speak HTTP/2. Its servers speak
// HTTP/1.1.
func apacheHTTP2() *proxy {
	p := *apache
	p.name += ", HTTP/2 to HTTP/1.1"
	p.config = func(port, backend, dir string) string {
		return strings.Replace(apache.config(port, backend, dir), "Protocols http/1.1", "Protocols h2\nH2WebSockets on", 1)
	}
	return &p
}

// lighttpdHTTP2 is lighttpd for clients that speak HTTP/2, as it does anyway.
func lighttpdHTTP2() *proxy {
	p := *lighttpd
	p.name += ", HTTP/2 to HTTP/1.1"
	return &p
}
