package hub

import (
	"os/exec"
	"testing"
)

// inNode runs client.js with a socket of the test's. say sends an event of the hub to the client.
const inNode = `
import { readFileSync } from "node:fs";
let socket, commands = [];
globalThis.WebSocket = class {
	static OPEN = 1;
	readyState = 0;
	constructor() { socket = this; }
	send(data) { commands.push(JSON.parse(data)); }
};
const source = readFileSync("client.js", "utf8");
const { connect } = await import("data:text/javascript," + encodeURIComponent(source));
const begin = async (options) => {
	const c = connect("ws://h/", options);
	await null;
	return c;
};
const open = () => { socket.readyState = 1; socket.onopen(); };
const say = (event) => socket.onmessage({ data: JSON.stringify(event) });
const want = (why, got, wanted) => {
	if (JSON.stringify(got) === JSON.stringify(wanted)) return;
	console.log(why + ": " + JSON.stringify(got) + ", want " + JSON.stringify(wanted));
	process.exit(1);
};
`

// runNode runs a script behind inNode.
func runNode(t *testing.T, script string) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no node here")
	}
	cmd := exec.CommandContext(t.Context(), node, "--input-type=module", "-e", inNode+script)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// TestScriptSubscribeInState: a page subscribes when it is told that the connection is open. The
// command is sent once: the server would refuse the second one, and the client give the topic up.
func TestScriptSubscribeInState(t *testing.T) {
	runNode(t, `
		const c = await begin({ state: (s) => s === "open" && c.subscribe("room", {}) });
		open();
		want("commands", commands, [{ hub: "subscribe", topic: "room", id: 1 }]);
	`)
}

// TestScriptOldMessages: messages that were on their way when a page unsubscribed are not those of
// its next subscription, which gets them again.
func TestScriptOldMessages(t *testing.T) {
	runNode(t, `
		const c = await begin({});
		open();
		const leave = c.subscribe("room", {});
		say({ hub: "subscribed", topic: "room", id: 1, position: "1.e" });
		leave();
		const got = [];
		c.subscribe("room", { message: (text) => got.push(text) }, "1.e");
		say({ hub: "message", topic: "room", position: "2.e", text: "two" });
		say({ hub: "subscribed", topic: "room", id: 2, position: "1.e" });
		say({ hub: "message", topic: "room", position: "2.e", text: "two" });
		want("messages", got, ["two"]);
	`)
}

// TestScriptOldReplies: a page subscribes, unsubscribes and subscribes again before the first reply.
// The replies to the first subscription, and its messages, are not the second one's.
func TestScriptOldReplies(t *testing.T) {
	for name, old := range map[string]string{
		"subscribed": `say({ hub: "subscribed", topic: "room", id: 1, position: "1.e" });
			say({ hub: "message", topic: "room", position: "2.e", text: "two" });`,
		"lost":    `say({ hub: "lost", topic: "room", id: 1 });`,
		"refused": `say({ hub: "refused", topic: "room", id: 1, reason: "the position is wrong" });`,
		"subscribed, then lost": `say({ hub: "subscribed", topic: "room", id: 1, position: "1.e" });
			say({ hub: "lost", topic: "room", id: 1 });`,
	} {
		t.Run(name, func(t *testing.T) {
			runNode(t, `
				const c = await begin({});
				open();
				const got = [];
				c.subscribe("room", {}, "1.e")();
				c.subscribe("room", {
					message: (text) => got.push(text), lost: () => got.push("lost"),
					refused: () => got.push("refused"), subscribed: (at) => got.push(at),
				}, "1.e");
				const sent = commands.length;
				`+old+`
				want("position", c.position("room"), "1.e");
				say({ hub: "subscribed", topic: "room", id: 2, position: "1.e" });
				say({ hub: "message", topic: "room", position: "2.e", text: "two" });
				want("events", got, ["1.e", "two"]);
				want("further commands", commands.slice(sent), []);
			`)
		})
	}
}

// TestScriptLost: what comes after the loss belongs to the new subscription, which begins anew.
func TestScriptLost(t *testing.T) {
	runNode(t, `
		const c = await begin({});
		open();
		const got = [];
		c.subscribe("room", { message: (text) => got.push(text), lost: () => got.push("lost") }, "1.e");
		say({ hub: "subscribed", topic: "room", id: 1, position: "1.e" });
		say({ hub: "message", topic: "room", position: "2.e", text: "two" });
		say({ hub: "lost", topic: "room", id: 1 });
		want("command", commands[1], { hub: "subscribe", topic: "room", id: 2 });
		say({ hub: "subscribed", topic: "room", id: 2, position: "9.e" });
		say({ hub: "message", topic: "room", position: "10.e", text: "ten" });
		want("events", got, ["two", "lost", "ten"]);
	`)
}

// TestScriptOldLeave: a subscription that has ended can't end the next one of its topic.
func TestScriptOldLeave(t *testing.T) {
	runNode(t, `
		const c = await begin({});
		open();
		const leave = c.subscribe("room", {});
		leave();
		const got = [];
		c.subscribe("room", { message: (text) => got.push(text) });
		const sent = commands.length;
		leave();
		say({ hub: "subscribed", topic: "room", id: 2, position: "1.e" });
		say({ hub: "message", topic: "room", position: "2.e", text: "two" });
		want("events", got, ["two"]);
		want("further commands", commands.slice(sent), []);
	`)
}

// TestScriptReconnect: a new connection subscribes from the last position, and its replies count.
func TestScriptReconnect(t *testing.T) {
	runNode(t, `
		globalThis.setTimeout = (f) => { f(); return 1; };
		const c = await begin({});
		open();
		const got = [];
		c.subscribe("room", { message: (text) => got.push(text) });
		say({ hub: "subscribed", topic: "room", id: 1, position: "1.e" });
		say({ hub: "message", topic: "room", position: "2.e", text: "two" });
		socket.onclose({ code: 1006 });
		await null;
		open();
		want("command", commands[1], { hub: "subscribe", topic: "room", id: 2, position: "2.e" });
		say({ hub: "subscribed", topic: "room", id: 2, position: "2.e" });
		say({ hub: "message", topic: "room", position: "3.e", text: "three" });
		want("messages", got, ["two", "three"]);
	`)
}

// TestScriptPermanent: after these codes the client does not come back, and after those it does.
func TestScriptPermanent(t *testing.T) {
	runNode(t, `
		globalThis.setTimeout = () => 1;
		const codes = [
			1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 1015,
			3000, 3999, 4000, 4999,
		];
		const last = [];
		for (const code of codes) {
			const states = [];
			await begin({ state: (s) => states.push(s), closed: (event) => last.push(event.code) });
			open();
			socket.onclose({ code });
			want("states after " + code, states, ["open", last.includes(code) ? "closed" : "waiting"]);
		}
		want("the last codes", last,
			[1000, 1002, 1003, 1007, 1008, 1009, 1010, 3000, 3999, 4000, 4999]);
	`)
}

// TestScriptWaits: the first wait is random, the next ones are twice as long at most and half of
// that at least, none is longer than max, and they begin anew after a connection that has lasted.
func TestScriptWaits(t *testing.T) {
	runNode(t, `
		let now = 0, chance = 0;
		const waits = [];
		Math.random = () => chance;
		performance.now = () => now;
		globalThis.setTimeout = (f, ms) => { waits.push(ms); f(); return 1; };
		await begin({ first: 5000, max: 30000 });
		const cut = async () => { socket.onclose({ code: 1006 }); await null; };
		for (chance of [0, 0, 1, 0, 1, 0]) await cut();
		want("waits", waits.splice(0), [0, 5000, 20000, 15000, 30000, 15000]);
		open();
		now += 9999;
		chance = 1;
		await cut();
		want("after a connection that was short", waits.splice(0), [30000]);
		open();
		now += 10000;
		await cut();
		want("after a connection that has lasted", waits.splice(0), [5000]);
	`)
}
