// socket.js: what the tests need in the page. Everything that waits is a
// promise; the test's own deadline bounds it.

const socketURL = (path) => location.origin.replace(/^http/, "ws") + path;

// record opens a socket and keeps its events in order, each with the
// readyState at its time. until(type) gives the next event of that type and
// fails if the connection ends before.
globalThis.record = (path, { protocols = [], binaryType = "blob" } = {}) => {
  const ws = new WebSocket(socketURL(path), protocols);
  ws.binaryType = binaryType;
  const events = [];
  const unread = [];
  let waiting = [];
  const settle = () => {
    waiting = waiting.filter(({ type, resolve, reject }) => {
      const i = unread.findIndex((e) => e.type === type);
      if (i >= 0) resolve(unread.splice(i, 1)[0]);
      else if (ws.readyState === WebSocket.CLOSED && unread.some((e) => e.type === "close")) reject(new Error(`closed while waiting for ${type}: ${JSON.stringify(events)}`));
      else return true;
      return false;
    });
  };
  for (const type of ["open", "message", "error", "close"]) {
    ws.addEventListener(type, (e) => {
      const kept = { type, readyState: ws.readyState };
      if (type === "message" && typeof e.data === "string") kept.text = e.data.slice(0, 100);
      if (type === "close") Object.assign(kept, { code: e.code, reason: e.reason, wasClean: e.wasClean });
      events.push(kept);
      unread.push({ ...kept, data: e.data });
      settle();
    });
  }
  const until = (type) => new Promise((resolve, reject) => (waiting.push({ type, resolve, reject }), settle()));
  return { ws, events, until };
};

// turn lets the page's other tasks run, then goes on.
globalThis.turn = () => new Promise((resolve) => setTimeout(resolve));

// pattern is n bytes that no shift or swap leaves alike.
globalThis.pattern = (n) => {
  const words = new Uint32Array(Math.ceil(n / 4));
  let x = (n + 1) >>> 0;
  for (let i = 0; i < words.length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    words[i] = x;
  }
  return new Uint8Array(words.buffer, 0, n);
};

// sameBytes compares a Blob or an ArrayBuffer with what it should hold.
globalThis.sameBytes = async (data, want) => {
  const got = new Uint8Array(data instanceof Blob ? await data.arrayBuffer() : data);
  if (got.length !== want.length) return false;
  for (let i = 0; i < got.length; i++) if (got[i] !== want[i]) return false;
  return true;
};

globalThis.typeOf = (data) => Object.prototype.toString.call(data).slice(8, -1);

// shows waits until the element's text has the given one in it.
globalThis.shows = (selector, text) =>
  new Promise((resolve) => {
    const has = () => [...document.querySelectorAll(selector)].some((e) => e.textContent.includes(text));
    if (has()) return resolve(true);
    const observer = new MutationObserver(() => {
      if (!has()) return;
      observer.disconnect();
      resolve(true);
    });
    observer.observe(document.documentElement, { subtree: true, childList: true, characterData: true, attributes: true });
  });
