package e2e

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

var picture = flag.Bool("picture", false, "write the picture of the page, docs/demo.png")

// TestPicture shows what README's picture of the demo shows: a connection that has conversed and
// was closed by the server. With -picture it writes the picture. It compares no pictures, since
// fonts differ.
func TestPicture(t *testing.T) {
	p := open(t, start(t))
	p.do(t, chromedp.EmulateViewport(1160, 1052))
	p.do(t, chromedp.Evaluate[chromedp.Void](`{
		const still = new CSSStyleSheet();
		still.replaceSync("* { transition: none !important; animation: none !important }");
		document.adoptedStyleSheets = [still];
	}`))
	p.choose(t, "subprotocol", "demo.v2")
	p.click(t, "#connect")
	p.state(t, "OPEN")
	for _, text := range []string{"Hello, world", "Καλημέρα κόσμε", "/close 4001 bye"} {
		p.write(t, "#text", text)
		p.click(t, "#send")
	}
	p.shows(t, "#status", "Closed with 4001 “bye”, cleanly.")
	p.shows(t, "#log .close .what", `code 4001, the server’s reason "bye", wasClean true`)
	p.shows(t, "#received", "2 messages")
	if !*picture {
		return
	}
	p.do(t, chromedp.Evaluate[chromedp.Void](`{
		const states = document.getElementById("states").getBoundingClientRect();
		scrollTo({top: states.top + scrollY - 124, behavior: "instant"});
	}`))
	png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("..", "..", "..", "docs", "demo.png")
	if err := os.WriteFile(file, png, 0o644); err != nil {
		t.Fatal(err)
	}
}
