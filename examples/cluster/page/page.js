import { connect } from "/hub.js";

const byId = (id) => document.getElementById(id);
const nodes = await (await fetch("/nodes")).json();
const here = Math.max(0, nodes.findIndex((url) => new URL(url).host === location.host));

const seen = new Set(); // identifiers of messages
globalThis.received = []; // the same, as they came: the test looks at it
const pending = new Map(); // identifier -> message, until it comes back

// The tab begins on the node that has served the page, and tries the next one each time.
const chat = connect((attempt) => nodes[(here + attempt) % nodes.length], {
  first: 500,
  max: 5_000,
  state(now) {
    if (now === "open") return;
    byId("node").textContent = now === "waiting" ? "its way to another node" : "no node any more";
    delete byId("node").dataset.node;
  },
  message({ data }) {
    const { node } = JSON.parse(data);
    byId("node").textContent = `node ${node}`;
    byId("node").dataset.node = node;
  },
});

chat.subscribe("chat", {
  // What was under way when a node ended is sent again. If it had arrived, all drop it by its id.
  subscribed: () => pending.forEach((m) => chat.send(JSON.stringify(m))),
  message(data) {
    const m = JSON.parse(data);
    received.push(m.id);
    pending.delete(m.id);
    if (seen.has(m.id)) return;
    seen.add(m.id);
    show(m);
  },
  lost: () => show({ text: "(messages were missed)", node: "?" }),
});

function show(m) {
  const item = document.createElement("li");
  item.dataset.id = m.id;
  item.append(m.text, " ", Object.assign(document.createElement("small"), { textContent: `by node ${m.node}` }));
  byId("log").append(item);
  item.scrollIntoView({ block: "nearest" });
}

byId("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = byId("text").value.trim();
  if (!text) return;
  byId("text").value = "";
  const m = { id: crypto.randomUUID(), text };
  pending.set(m.id, m);
  chat.send(JSON.stringify(m));
});
