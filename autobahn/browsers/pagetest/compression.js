// compression.js: messages for the tests of permessage-deflate, and the
// exchange of them. It uses socket.js.

// prose is n characters that repeat themselves as JSON does, not all of them
// ASCII; noise is n characters with as little order as text can have.
const prose = (n) => {
  let s = "";
  for (let i = 0; s.length < n; i++) s += `{"id":${i},"name":"Ada é ${i % 7} \u{1F44B}","values":[1,2,3,${i * i}]}\n`;
  return s.slice(0, n).replace(/[\ud800-\udbff]$/, ".");
};
const noise = (n) => {
  let s = "";
  for (const b of pattern(n)) s += String.fromCharCode(33 + (b % 94));
  return s;
};

const sizes = [0, 1, 5, 63, 64, 125, 126, 255, 256, 1000, 4096, 5000, 1 << 20, 32768, 40000, 65535, 65536];

// kinds make one message of each size: what deflates and what does not.
const kinds = [
  ["prose", prose],
  ["noise", noise],
  ["binary prose", (n) => new TextEncoder().encode(prose(n))],
  ["binary noise", pattern],
];

// messages are n messages, of each size in turn and within it of each kind.
const messages = (n) => Array.from({ length: n }, (_, i) => kinds[i % kinds.length][1](sizes[Math.floor(i / kinds.length) % sizes.length]));

// exchangeCompressed sends n messages to an echo server without waiting for
// any answer, and tells what came back otherwise than it was sent.
globalThis.exchangeCompressed = async (path, n) => {
  const r = record(path, { binaryType: "arraybuffer" });
  await r.until("open");
  const sent = messages(n);
  let length = 0;
  for (const m of sent) {
    r.ws.send(m);
    length += typeof m === "string" ? new TextEncoder().encode(m).length : m.length;
  }
  const wrong = [];
  for (const [i, m] of sent.entries()) {
    const { data } = await r.until("message");
    const same = typeof m === "string" ? data === m : typeof data !== "string" && (await sameBytes(data, m));
    if (!same) wrong.push(`message ${i}, ${kinds[i % kinds.length][0]} of ${m.length}, came back as ${typeOf(data)} of ${data.length ?? data.byteLength}`);
  }
  const { extensions } = r.ws;
  r.ws.close(1000);
  const { code, wasClean } = await r.until("close");
  return { extensions, wrong, length, code, wasClean };
};
