package main

import (
	"context"
	"syscall/js"
)

// main runs the client in the page of index.html, which has a form for the lines and a list for
// what happens.
func main() {
	document := js.Global().Get("document")
	element := func(id string) js.Value { return document.Call("getElementById", id) }
	lines := make(chan string, 100)
	submit := js.FuncOf(func(_ js.Value, args []js.Value) any {
		args[0].Call("preventDefault")
		input := element("line")
		select { // the event loop must not wait
		case lines <- input.Get("value").String():
			input.Set("value", "")
		default:
		}
		return nil
	})
	defer submit.Release()
	element("form").Call("addEventListener", "submit", submit)
	c := &client{lines: lines, show: func(line string) {
		item := document.Call("createElement", "li")
		item.Set("textContent", line)
		element("log").Call("append", item)
	}}
	// The demo that has served the page: ws for http, and wss for https.
	c.url = "ws" + js.Global().Get("location").Get("origin").String()[len("http"):] + "/echo"
	c.run(context.Background())
	c.show("the end; load the page again to connect again")
}
