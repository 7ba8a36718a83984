// The page's side of protocol.go. A connection that is cut is made again, and the transfer goes on
// where it was.

const PIECE = 1 << 20;
const byId = (id) => document.getElementById(id);

function progress(offset, size) {
  byId("bar").max = size || 1;
  byId("bar").value = size ? offset : 1;
}

const json = (data) => {
  const m = JSON.parse(data);
  if (m.error) throw Object.assign(new Error(m.error), { final: true });
  return m;
};

// open returns what transfers need of a socket: its messages, one at a time.
function open() {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(location.href.replace(/^http/, "ws").replace(/[^/]*$/, "ws"));
    socket.binaryType = "blob"; // may be on the disk
    const come = [], waiting = [];
    let ended;
    socket.onopen = () => resolve({
      send: (data) => socket.send(typeof data === "object" && !(data instanceof Blob) ? JSON.stringify(data) : data),
      next: () => new Promise((resolve, reject) => {
        if (come.length) resolve(come.shift());
        else if (ended) reject(ended);
        else waiting.push({ resolve, reject });
      }),
      close: () => socket.close(1000),
    });
    socket.onmessage = ({ data }) => waiting.length ? waiting.shift().resolve(data) : come.push(data);
    socket.onclose = ({ code, reason }) => {
      ended = Object.assign(new Error(`the connection has ended with ${code} ${reason}`), { final: [1003, 1008, 1009].includes(code) });
      reject(ended);
      waiting.forEach((w) => w.reject(ended));
    };
  });
}

async function put(c, file) {
  c.send({ op: "put", name: file.name, size: file.size });
  let { offset } = json(await c.next());
  const sum = sha256(file); // while pieces leave
  for (let sent = offset; progress(offset, file.size), offset < file.size;) {
    for (; sent < file.size && sent < offset + 4 * PIECE; sent += PIECE) c.send(file.slice(sent, sent + PIECE));
    sent = Math.min(sent, file.size);
    ({ offset } = json(await c.next()));
  }
  c.send({ sha256: await sum });
  if (!json(await c.next()).done) throw new Error("the server does not say that it is done");
}

async function get(c, name, parts) {
  const have = () => parts.reduce((n, p) => n + p.size, 0);
  c.send({ op: "get", name, offset: have() });
  const { size } = json(await c.next());
  for (progress(have(), size); have() < size; progress(have(), size)) {
    const piece = await c.next();
    if (typeof piece === "string") json(piece);
    parts.push(piece);
    c.send({ offset: have() });
  }
  const { sha256: want } = json(await c.next());
  const blob = new Blob(parts);
  if (await sha256(blob) !== want) throw Object.assign(new Error("the SHA-256 differs"), { final: true });
  return blob;
}

// A browser hashes only what is in memory as a whole.
async function sha256(blob) {
  const sum = await crypto.subtle.digest("SHA-256", await blob.arrayBuffer());
  return [...new Uint8Array(sum)].map((b) => b.toString(16).padStart(2, "0")).join("");
}

// retry waits longer after each failure, up to 30 seconds, less a random part.
async function retry(transfer) {
  for (let failures = 0; ; failures++) {
    try {
      const c = await open();
      try {
        const result = await transfer(c);
        byId("status").textContent = "done";
        return result;
      } finally {
        c.close();
      }
    } catch (error) {
      byId("status").textContent = error.message;
      if (error.final) return;
      await new Promise((resolve) => setTimeout(resolve, Math.min(1000 * 2 ** failures, 30_000) * (1 - Math.random() / 2)));
    }
  }
}

byId("file").addEventListener("change", ({ target }) => target.files[0] && retry((c) => put(c, target.files[0])));

byId("get").addEventListener("submit", async (event) => {
  event.preventDefault();
  const name = byId("name").value, parts = [];
  const blob = await retry((c) => get(c, name, parts));
  if (!blob) return;
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
});
