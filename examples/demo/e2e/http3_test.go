package e2e

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/rfc6455/ws/autobahn/browsers/pagetest"
)

// TestOverHTTP3 checks that a page that came over HTTP/3 opens its WebSockets as streams of the same
// connection (RFC 9220), how they end, and that a long message gets through.
func TestOverHTTP3(t *testing.T) {
	program := filepath.Join(dir, "demo3")
	if err := build(program, "github.com/rfc6455/ws/examples/demo/http3"); err != nil {
		t.Fatal(err)
	}
	s := startProgram(t, program)
	p := openIn(t, withQUIC(t, s), s)
	p.shows(t, "#room-total", "1")
	if got := await[over](t, p, twoSockets); got != (over{"HTTP/3.0", 3, "h3"}) {
		t.Errorf("%+v, want three sockets on the page's connection of HTTP/3", got)
	}
	p.do(t, chromedp.Click("#connect"))
	p.shows(t, "#carrier", "HTTP/3: 4 sockets on this page’s connection (RFC 9220)")
	got := await[[]pagetest.Event](t, p, `async () => {
		const r = record("/echo");
		await r.until("open");
		r.ws.close(4001, "bye");
		await r.until("close");
		return r.events;
	}`)
	pagetest.WantEvents(t, got, pagetest.Open, pagetest.Close(4001, "", true)) // the answer repeats the code alone
	got = await[[]pagetest.Event](t, p, `async () => {
		const r = record("/echo?close=4002&reason=enough");
		await r.until("close");
		return r.events;
	}`)
	pagetest.WantEvents(t, got, pagetest.Open, pagetest.Close(4002, "enough", true))
	length := await[int](t, p, `async () => {
		const r = record("/echo");
		await r.until("open");
		r.ws.binaryType = "arraybuffer";
		r.ws.send(new ArrayBuffer(10_000_000));
		return (await r.until("message")).data.byteLength;
	}`)
	if length != 10_000_000 {
		t.Errorf("%d bytes came back, want 10,000,000", length)
	}
	cut := await[[]pagetest.Event](t, p, `async () => {
		const r = record("/die");
		await r.until("open");
		r.ws.send("x");
		await r.until("close");
		return r.events;
	}`)
	pagetest.WantEvents(t, cut, pagetest.Open, pagetest.Cut)
}

// keyHash returns the hash of the key in the server's certificate.
func keyHash(t *testing.T, s *server) string {
	t.Helper()
	c, err := tls.Dial("tcp", strings.TrimPrefix(s.url, "https://"), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	sum := sha256.Sum256(c.ConnectionState().PeerCertificates[0].RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// withQUIC starts a browser that opens WebSockets to s over HTTP/3.
func withQUIC(t *testing.T, s *server) context.Context {
	t.Helper()
	path, err := chromium()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), append(flags(),
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", false),
		chromedp.Flag("enable-quic", true),
		chromedp.Flag("enable-features", "EnableWebsocketsOverHttp3"),
		chromedp.Flag("origin-to-force-quic-on", strings.TrimPrefix(s.url, "https://")),
		chromedp.Flag("ignore-certificate-errors-spki-list", keyHash(t, s)), // QUIC heeds no other switch
	)...)
	t.Cleanup(cancel)
	browser, cancel := chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(browser); err != nil {
		t.Fatal(err)
	}
	return browser
}
