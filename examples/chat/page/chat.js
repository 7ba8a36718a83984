// The page: it logs in, connects, and shows one room at a time. hub.js is the client of package hub.
// It connects again with backoff, and has each room go on after the last message that the page has
// seen. What the page says is kept here until it comes back.

import { connect } from "/hub.js";

const byId = (id) => document.getElementById(id);
const rooms = new Map(); // name -> { live, items, names, button }
const pending = new Map(); // id -> { type, room, id, text, item }
let chat, current;

function show(id) {
  for (const part of ["login", "chat"]) byId(part).hidden = part !== id;
  byId("logout").hidden = id !== "chat";
}

// start connects. Every attempt asks first whether the session is still good: a browser does not
// tell why a WebSocket was refused.
function start() {
  const url = async () => {
    const { status } = await fetch("/me");
    if (status === 401) {
      chat.close();
      byId("state").textContent = "";
      show("login");
    }
    if (status !== 200) throw new Error(`/me: ${status}`);
    return location.href.replace(/^http/, "ws").replace(/[^/]*$/, "ws");
  };
  chat = connect(url, { first: 1_000, max: 30_000, state, message: ({ data }) => note(JSON.parse(data)), closed });
}

function state(now) {
  byId("state").textContent = { open: "connected", waiting: "connecting again…", closed: "disconnected" }[now];
  if (now === "open") show("chat");
  else for (const room of rooms.values()) room.live = false;
}

function closed({ code, reason }) {
  if (code === 4001) { // logged out, in another tab or in another browser
    byId("state").textContent = "logged out";
    show("login");
  } else if (code !== 1000) byId("state").textContent = `disconnected: ${reason || code}; reload to try again`;
}

// note takes what the chat says by itself. What is said in rooms comes by said.
function note({ type, name, rooms: welcome, room, names, id, reason }) {
  switch (type) {
    case "welcome":
      byId("state").textContent = `connected as ${name}`;
      for (const { room, position } of welcome) enter(room, position);
      break;
    case "who":
      if (!rooms.has(room)) enter(room);
      rooms.get(room).names = names;
      rooms.get(room).button.textContent = `${room} (${names.length})`;
      if (room === current) showNames();
      break;
    case "refused":
      drop(id);
      add(current, Object.assign(document.createElement("li"), { className: "notice", textContent: reason }));
  }
}

// enter adds a room, once. Later hub.js knows by itself from where to go on.
function enter(room, position) {
  if (rooms.has(room)) return;
  const button = Object.assign(document.createElement("button"), { textContent: room, onclick: () => choose(room) });
  byId("rooms").append(button);
  rooms.set(room, { live: false, items: [], names: [], button });
  if (!current) choose(room);
  chat.subscribe(room, {
    subscribed() {
      rooms.get(room).live = true;
      for (const m of pending.values()) if (m.room === room) send(m); // the chat drops what it has already
    },
    message: (text) => said(room, JSON.parse(text)),
    lost: () => add(room, Object.assign(document.createElement("li"), { className: "notice", textContent: "Messages were missed here." })),
  }, position);
}

function choose(room) {
  current = room;
  for (const [name, { button }] of rooms) button.setAttribute("aria-pressed", name === room);
  byId("log").replaceChildren(...rooms.get(room).items);
  byId("log").lastElementChild?.scrollIntoView({ block: "nearest" });
  showNames();
}

function showNames() {
  byId("who").textContent = rooms.get(current).names.join(", ");
}

function said(room, { id, from, text, at }) {
  drop(id);
  const item = document.createElement("li");
  item.dataset.id = id;
  item.title = new Date(at).toLocaleString();
  item.append(Object.assign(document.createElement("b"), { textContent: from }), text);
  add(room, item);
}

const longest = 1_000; // items of a room

function add(room, item) {
  const { items } = rooms.get(room);
  items.push(item);
  if (items.length > longest) items.shift().remove();
  if (room !== current) return;
  byId("log").append(item);
  item.scrollIntoView({ block: "nearest" });
}

// drop takes away what was shown of a message that was under way.
function drop(id) {
  const m = pending.get(id);
  if (!m) return;
  pending.delete(id);
  m.item.remove();
  const { items } = rooms.get(m.room);
  items.splice(items.indexOf(m.item), 1);
}

const send = ({ type, room, id, text }) => chat.send(JSON.stringify({ type, room, id, text }));

byId("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = byId("text").value.trim();
  if (!text || !current) return; // there is no room before the welcome
  byId("text").value = "";
  const item = Object.assign(document.createElement("li"), { className: "pending", textContent: text });
  const m = { type: "say", room: current, id: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`, text, item };
  pending.set(m.id, m);
  add(current, item);
  if (rooms.get(current).live) send(m); // otherwise it leaves when the room is there again, in its turn
});

byId("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  byId("problem").textContent = "";
  try {
    const body = new URLSearchParams({ name: byId("name").value, password: byId("password").value });
    const answer = await fetch("/login", { method: "POST", body });
    byId("password").value = "";
    if (!answer.ok) throw new Error(await answer.text());
    location.reload(); // nothing of another user is left
  } catch ({ message }) {
    byId("problem").textContent = message;
  }
});

byId("logout").addEventListener("click", async () => {
  chat.close();
  await fetch("/logout", { method: "POST" });
  location.reload();
});

start();
