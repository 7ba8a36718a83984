// room.js: the chat room among tabs. The server names a newcomer, counts what
// each member has sent and received, and tells everybody at most ten times a
// second; chat.go describes the messages.

import { byId, bytes, coalesced, count, element, follower, plural, socketURL } from "./ui.js";
import { Meter } from "./meter.js";

const waveEvery = 60; // ms between waves while the button is held

const append = follower(byId("talk"), byId("talk"), 200);
const rows = new Map(); // member's id -> its row in the table

let socket = null;
let me = 0; // this tab's id
let myName = ""; // as chosen by the person, kept when joining again
let roster = []; // as last told by the server
let talk = []; // lines still to be shown
let waves = new Set(); // ids of members that waved since the last round

function join() {
  socket = new WebSocket(socketURL("/chat"));
  say("Joining…");
  byId("room-toggle").textContent = "Leave";
  socket.addEventListener("message", ({ data }) => take(JSON.parse(data)));
  socket.addEventListener("close", left);
}

function left({ code, reason }) {
  say(`Left with ${code}${reason ? ` “${reason}”` : ""}.`);
  byId("room-toggle").textContent = "Join";
  me = 0;
  roster = [];
  refresh();
}

// take acts on one message of the server.
function take(news) {
  switch (news.type) {
    case "welcome":
      me = news.id;
      byId("name").value = myName || news.name;
      if (myName) tell({ type: "name", name: myName });
      say("You are in.");
      break;
    case "roster":
      announce(news.members ?? []);
      roster = news.members ?? [];
      break;
    case "said":
      talk.push(spoken(news));
      break;
    case "left":
      talk.push(element("li", farewell(news), "aside"));
      break;
    case "waved":
      waves.add(news.id);
      break;
    case "problem":
      talk.push(element("li", `The server says: ${news.text}`, "aside"));
      break;
  }
  refresh();
}

// announce adds a line for each member that came since the last roster. The
// first roster after joining is no news.
function announce(members) {
  if (roster.length === 0) return;
  const before = new Set(roster.map((m) => m.id));
  for (const m of members) {
    if (!before.has(m.id)) talk.push(element("li", `${m.name} came in`, "aside"));
  }
}

// farewell puts a close code into words; 1001 is what a closed tab sends.
function farewell({ name, code, text }) {
  const how = { 1000: "", 1001: "", 1005: "", 1006: ": the connection was cut" }[code] ?? ` with ${code}`;
  return `${name} left${how}${text ? ` “${text}”` : ""}`;
}

function spoken({ id, name, hue, text }) {
  const line = element("li", "", id === me ? "mine" : "");
  const who = element("b", name, "who");
  tint(who, hue);
  line.append(who, element("span", text));
  return line;
}

// tint gives an element its member's colour; the style sheet makes it dark or
// light enough to read.
function tint(e, hue = 0) {
  e.style.setProperty("--hue", Number(hue) || 0);
}

function say(text) {
  byId("room-status").textContent = text;
}

function tell(note) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(note));
}

// ---- What is shown

const refresh = coalesced(() => {
  append(talk);
  talk = [];
  showMembers();
  for (const id of waves) rows.get(id)?.wave();
  waves = new Set();
});

function showMembers() {
  const here = new Set(roster.map((m) => m.id));
  for (const [id, row] of rows) {
    if (!here.has(id)) {
      row.remove();
      rows.delete(id);
    }
  }
  let total = { messages: 0, bytes: 0 };
  for (const member of roster) {
    if (!rows.has(member.id)) rows.set(member.id, new Row(member));
    rows.get(member.id).show(member);
    total.messages += member.sent.messages;
    total.bytes += member.sent.bytes;
  }
  byId("room-total").textContent = roster.length
    ? `${count(roster.length)} here, ${plural(total.messages, "message")}, ${bytes(total.bytes)}`
    : "Nobody here that you can see.";
}

// Row is a member's line in the table, with the chart of its traffic.
class Row {
  constructor(member) {
    this.tr = element("tr");
    this.tr.dataset.member = member.id;
    this.dot = element("i", "", "dot");
    this.name = element("span", "", "name");
    const who = element("th");
    who.scope = "row";
    who.append(this.dot, this.name);
    if (member.id === me) who.append(element("small", "you", "you"));
    this.sent = element("td");
    this.received = element("td");
    const chart = element("td");
    const canvas = element("canvas");
    canvas.setAttribute("role", "img");
    chart.append(canvas);
    this.canvas = canvas;
    this.tr.append(who, this.sent, this.received, chart);
    byId("members").append(this.tr);
    this.meter = new Meter(canvas, 20, 12);
    this.last = member;
  }

  show(member) {
    tint(this.tr, member.hue);
    this.name.textContent = member.name;
    this.canvas.setAttribute("aria-label", `Traffic of ${member.name} in the last 20 seconds`);
    this.sent.replaceChildren(count(member.sent.messages), element("small", bytes(member.sent.bytes)));
    this.received.replaceChildren(count(member.received.messages), element("small", bytes(member.received.bytes)));
    const up = member.sent.bytes - this.last.sent.bytes;
    const down = member.received.bytes - this.last.received.bytes;
    if (up || down) this.meter.add(up, down);
    this.last = member;
  }

  // wave has the dot hop, for those who do not mind movement.
  wave() {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    this.dot.animate([{ transform: "scale(1)" }, { transform: "scale(1.9)" }, { transform: "scale(1)" }], 300);
  }

  remove() {
    this.meter.stop();
    this.tr.remove();
  }
}

// ---- What the person does

// holdToWave waves once for a click or a key, and again and again while the
// button is held.
function holdToWave(button) {
  let held = 0;
  const wave = () => tell({ type: "wave" });
  const release = () => {
    clearInterval(held);
    held = 0;
  };
  button.addEventListener("pointerdown", () => {
    release();
    wave();
    held = setInterval(wave, waveEvery);
  });
  for (const end of ["pointerup", "pointercancel", "pointerleave", "blur"]) button.addEventListener(end, release);
  button.addEventListener("click", (event) => {
    if (event.detail === 0) wave(); // by the keyboard: no pointer was down
  });
}

function onSubmit(form, fn) {
  byId(form).addEventListener("submit", (event) => {
    event.preventDefault();
    fn();
  });
}

export function startRoom() {
  onSubmit("say-form", () => {
    const text = byId("say").value.trim();
    if (!text) return;
    tell({ type: "say", text });
    byId("say").value = "";
  });
  const rename = () => {
    const name = byId("name").value.trim();
    if (!name || name === myName) return;
    myName = name;
    tell({ type: "name", name });
  };
  onSubmit("name-form", rename);
  byId("name").addEventListener("change", rename);
  byId("room-toggle").addEventListener("click", () => (socket.readyState === WebSocket.CLOSED ? join() : socket.close(1000)));
  holdToWave(byId("wave"));
  join();
}
