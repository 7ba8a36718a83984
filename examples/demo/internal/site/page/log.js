// log.js: the table of events and calls, in the order in which they came.

import { byId, bytes, coalesced, element, follower } from "./ui.js";

const limit = 300; // rows kept

const append = follower(byId("log-scroll"), byId("log"), limit);

let waiting = [];

const flush = coalesced(() => {
  const rows = waiting.slice(-limit).map(row);
  waiting = [];
  byId("log-empty").hidden = true;
  append(rows);
});

// log adds an entry: name is the event or call, type and size say what went
// with it where that makes sense, what is a text, or a function that returns
// one or the promise of one and is called only if the row is ever shown.
export function log(name, { type = "", size = -1, what = "" } = {}) {
  waiting.push({ at: new Date(), name, type, size, what });
  if (waiting.length > 2 * limit) waiting = waiting.slice(-limit);
  flush();
}

export function clearLog() {
  waiting = [];
  byId("log").replaceChildren();
  byId("log-empty").hidden = false;
}

const two = (n, width = 2) => String(n).padStart(width, "0");

const clock = (d) => `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}.${two(d.getMilliseconds(), 3)}`;

function row({ at, name, type, size, what }) {
  const tr = element("tr", "", name);
  const event = element("td");
  event.append(element("span", name, "badge"));
  const detail = element("td", "", "what");
  tr.append(element("td", clock(at), "time"), event, element("td", type, "type"), element("td", size < 0 ? "" : bytes(size), "size"), detail);
  const text = typeof what === "function" ? what() : what;
  detail.textContent = typeof text === "string" ? text : "…"; // now, so that the row has its height
  if (typeof text !== "string") fill(detail, text);
  return tr;
}

// fill shows a promised text, or why there is none: a Blob may be of a file
// that has changed since.
async function fill(cell, promise) {
  try {
    cell.textContent = (await promise) || " "; // an empty cell would change the row's height
  } catch (err) {
    cell.textContent = String(err);
  }
}

// preview is the beginning of a message, as text or as bytes in hex.
export function preview(data) {
  if (typeof data === "string") return data.length > 200 ? data.slice(0, 200) + "…" : data;
  if (data instanceof Blob) return data.slice(0, 24).arrayBuffer().then((b) => hex(b, data.size));
  return hex(data, data.byteLength);
}

function hex(buffer, size) {
  const shown = new Uint8Array(buffer, 0, Math.min(24, buffer.byteLength));
  const text = Array.from(shown, (b) => b.toString(16).padStart(2, "0")).join(" ");
  return size > shown.length ? text + " …" : text;
}
