// connection.js: one WebSocket under the person's hands. Everything that the
// browser lets a page see of it is shown: the calls, the four events, and the
// attributes as they change.

import { available, byId, bytes, coalesced, count, element, isAvailable, plural, socketURL } from "./ui.js";
import { Meter } from "./meter.js";
import { clearLog, log, preview } from "./log.js";

const endpoints = {
  "/echo": {
    hint: "Sends each message back, whole, up to 16 MiB; compressed where the browser offers it.",
    examples: ["Hello, κόσμε 👋", "/close 4001 bye"],
  },
  "/chat": {
    hint: "The room below, seen from underneath: JSON in text messages.",
    examples: ['{"type":"say","text":"Hello from underneath"}', '{"type":"wave"}'],
  },
  "/refuse": {
    hint: "Answers the handshake with 403. The page sees error, then close with 1006, and no more.",
    examples: [],
  },
  "/die": {
    hint: "Cuts the TCP connection at the first message, without a Close frame: 1006.",
    examples: ["Hello?"],
  },
};

const sizes = [0, 125, 126, 65535, 65536, 1 << 20, 16 << 20, (16 << 20) + 1];

const mostAtOnce = 256 << 20; // bytes that one press of Send may hand to the browser

let socket = null;
let pulse = null;
let totals = null; // of the present connection
let sentAt = []; // when each message that is still to be echoed left
let peak = 0; // the largest bufferedAmount

const chosen = (form, name) => new FormData(byId(form)).get(name);

// ---- Connect

function connect() {
  const url = socketURL(chosen("connect-form", "endpoint"));
  const protocols = new FormData(byId("connect-form")).getAll("subprotocol");
  log("call", { what: `new WebSocket("${url}"${protocols.length ? `, ${JSON.stringify(protocols)}` : ""})` });
  socket = new WebSocket(url, protocols);
  socket.binaryType = byId("binary-type").value;
  totals = { sent: { messages: 0, bytes: 0 }, received: { messages: 0, bytes: 0 }, rtt: 0 };
  sentAt = [];
  peak = 0;
  socket.addEventListener("open", opened);
  socket.addEventListener("message", received);
  socket.addEventListener("error", failed);
  socket.addEventListener("close", closed);
  say(`Connecting to ${url}…`);
}

function opened() {
  const { url, protocol, extensions } = socket;
  log("open", { what: `protocol "${protocol}", extensions "${extensions}"` });
  showCarrier(socket);
  say(`Open to ${url}${protocol ? `, speaking ${protocol}` : ""}.`);
}

// showCarrier asks the server what carries the sockets, since the browser does
// not tell a page: streams of the connection on which the page itself came, or
// connections of their own.
async function showCarrier(target) {
  try {
    const { protocol, sockets } = await (await fetch("over")).json();
    if (socket !== target) return;
    byId("carrier").textContent = sockets > 0
      ? `${protocol.replace(".0", "")}: ${plural(sockets, "socket")} on this page’s connection (RFC ${protocol === "HTTP/3.0" ? 9220 : 8441})`
      : "HTTP/1.1: a connection of its own";
  } catch { /* the server is gone, which the close event tells */ }
}

function received({ data }) {
  const size = sizeOf(data);
  totals.received.messages++;
  totals.received.bytes += size;
  pulse.add(0, size);
  let trip = "";
  if (sentAt.length) {
    totals.rtt = performance.now() - sentAt.shift();
    trip = `, ${totals.rtt.toFixed(1)} ms`;
  }
  log("message", { type: typeOf(data) + trip, size, what: () => preview(data) });
  refresh();
}

// failed: an error event carries nothing by design, so that a page cannot
// probe hosts that it should not see.
function failed() {
  log("error", { what: "the browser does not tell a page why" });
  refresh();
}

function closed({ code, reason, wasClean }) {
  // The event has what the server sent. Its answer to close(4001, "bye") repeats
  // the code alone; the reason that was given to close does not come back.
  log("close", { what: `code ${code}, the server’s reason "${reason}", wasClean ${wasClean}` });
  say(`Closed with ${code}${reason ? ` “${reason}”` : ""}, ${wasClean ? "cleanly" : "not cleanly"}.`);
}

// ---- Send

const letters = "The quick brown fox jumps over the lazy dog. ";

// payload makes what is to be sent of what the form says.
async function payload() {
  const kind = chosen("send-form", "kind");
  const source = await { text: () => new Blob([byId("text").value]), file: pickedFile, generated }[chosen("send-form", "source")]();
  if (kind === "string") return source.text();
  if (kind === "arraybuffer") return source.arrayBuffer();
  return source;
}

function pickedFile() {
  const file = byId("file").files[0];
  if (!file) throw new Error("choose a file first");
  return file;
}

function generated() {
  const size = byId("size").valueAsNumber;
  if (!(size >= 0)) throw new Error("write a size in bytes");
  return new Blob([letters.repeat(Math.ceil(size / letters.length)).slice(0, size)]);
}

async function send() {
  const target = socket;
  const data = await payload();
  const size = sizeOf(data);
  const times = Number(byId("repeat").value);
  if (size * times > mostAtOnce) throw new Error(`that is ${bytes(size * times)}; send at most ${bytes(mostAtOnce)} at once`);
  const echoed = target.url.endsWith("/echo") && !(typeof data === "string" && data.startsWith("/close"));
  for (let i = 0; i < times && target.readyState === WebSocket.OPEN; i++) {
    target.send(data);
    peak = Math.max(peak, target.bufferedAmount);
    if (echoed) sentAt.push(performance.now());
    totals.sent.messages++;
    totals.sent.bytes += size;
    pulse.add(size, 0);
    log("send", { type: typeOf(data), size, what: () => preview(data) });
  }
  refresh();
}

const encoder = new TextEncoder();

function sizeOf(data) {
  if (typeof data === "string") return encoder.encode(data).length;
  return data instanceof Blob ? data.size : data.byteLength;
}

const typeOf = (data) => (typeof data === "string" ? "string" : data instanceof Blob ? "Blob" : "ArrayBuffer");

// ---- Close

// close leaves every rule about codes and reasons to the browser: what it
// throws is shown.
function close() {
  const code = byId("code").value.trim();
  const reason = byId("reason").value;
  const args = code ? [Number(code), ...(reason ? [reason] : [])] : reason ? [undefined, reason] : [];
  const shown = args.map((a) => (a === undefined ? "undefined" : JSON.stringify(a))).join(", ");
  log("call", { what: `close(${shown})` });
  socket.close(...args);
  refresh();
}

// ---- What is shown

function say(text) {
  byId("status").textContent = text;
  refresh();
}

const refresh = coalesced(show);

// show brings everything up to date, and comes again while bytes wait.
function show() {
  const state = socket ? socket.readyState : -1;
  for (const li of byId("states").children) {
    if (Number(li.dataset.state) === state) li.setAttribute("aria-current", "step");
    else li.removeAttribute("aria-current");
  }
  available(byId("connect"), state === -1 || state === WebSocket.CLOSED);
  available(byId("send"), state === WebSocket.OPEN);
  available(byId("close"), state === WebSocket.OPEN || state === WebSocket.CONNECTING);
  if (!socket) return;
  fact("sent", plural(totals.sent.messages, "message"), bytes(totals.sent.bytes));
  fact("received", plural(totals.received.messages, "message"), bytes(totals.received.bytes));
  fact("buffered", bytes(socket.bufferedAmount), `peak ${bytes(peak)}`);
  fact("rtt", totals.rtt ? `${totals.rtt.toFixed(1)} ms` : "–", "/echo only");
  byId("protocol").textContent = socket.protocol || "–";
  if (socket.bufferedAmount > 0 && state !== WebSocket.CLOSED) refresh();
}

function fact(id, text, small) {
  byId(id).replaceChildren(text, element("small", small));
}

// chip makes a small button that fills in a field.
function chip(text, fill) {
  const button = element("button", text, "chip");
  button.type = "button";
  button.addEventListener("click", fill);
  return button;
}

function endpointChosen() {
  const { hint, examples } = endpoints[chosen("connect-form", "endpoint")];
  byId("endpoint-hint").textContent = hint;
  byId("examples").replaceChildren(...examples.map((text) => chip(text, () => (byId("text").value = text))));
}

function sourceChosen() {
  const source = chosen("send-form", "source");
  for (const part of document.querySelectorAll("[data-source]")) part.hidden = part.dataset.source !== source;
}

// onSubmit has a form's button run fn; what fn throws becomes a row of the log.
function onSubmit(form, button, fn) {
  byId(form).addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!isAvailable(byId(button))) return;
    try {
      await fn();
    } catch (err) {
      log("exception", { what: err.message });
    }
  });
}

export function startConnection() {
  pulse = new Meter(byId("pulse"), 30, 24);
  onSubmit("connect-form", "connect", connect);
  onSubmit("send-form", "send", send);
  onSubmit("close-form", "close", close);
  byId("connect-form").addEventListener("change", endpointChosen);
  byId("send-form").addEventListener("change", sourceChosen);
  byId("binary-type").addEventListener("change", () => socket && (socket.binaryType = byId("binary-type").value));
  byId("clear").addEventListener("click", clearLog);
  byId("sizes").append(...sizes.map((n) => chip(n < 1 << 20 || n % (1 << 20) === 0 ? bytes(n) : count(n) + " B", () => (byId("size").value = n))));
  byId("text").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("send-form").requestSubmit();
  });
  endpointChosen();
  sourceChosen();
  show();
}
