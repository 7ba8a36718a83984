// The browser's side of package hub: it subscribes to topics, connects again when the connection
// ends, and goes on after the last message that it has seen. client.d.ts has the types.

const healthy = 10_000; // a connection that lasted so long begins the backoff anew

export function connect(url, { protocols, first = 5_000, max = 60_000, state, message, closed } = {}) {
  const topics = new Map(); // name -> { position, on, id, live }
  let socket, timer, opened, ids = 0, failures = 0, attempts = 0, over = false;

  const send = (data) => {
    if (socket?.readyState !== WebSocket.OPEN) return false;
    socket.send(data);
    return true;
  };

  // The server takes what begins with these bytes for a command.
  const command = (hub, rest) => send(`{"hub":"${hub}",` + JSON.stringify(rest).slice(1));

  // A reply has the id of its command. Messages have none: they follow the reply.
  const subscribe = (topic, t) => {
    t.live = false;
    t.id = ++ids;
    command("subscribe", { topic, id: t.id, position: t.position || undefined });
  };

  const on = (event) => {
    const t = topics.get(event.topic);
    if (!t || (event.hub === "message" ? !t.live : event.id !== t.id)) return; // of an earlier subscription
    switch (event.hub) {
      case "message":
        t.position = event.position ?? "";
        t.on.message?.(event.text ?? Uint8Array.from(atob(event.base64 ?? ""), (c) => c.charCodeAt(0)), event.position);
        break;
      case "subscribed":
        t.live = true;
        t.position = event.position ?? "";
        t.on.subscribed?.(t.position);
        break;
      case "lost":
        t.position = "";
        subscribe(event.topic, t);
        t.on.lost?.();
        break;
      case "refused":
        topics.delete(event.topic);
        t.on.refused?.(event.reason);
    }
  };

  // RFC 6455, 7.2.3: a random wait, then truncated exponential backoff with jitter.
  const wait = () => {
    const longest = Math.min(first * 2 ** failures, Math.max(first, max));
    const shortest = failures++ ? longest / 2 : 0;
    return shortest + Math.random() * (longest - shortest);
  };

  // Codes after which it would end the same way again.
  const permanent = (code) => [1000, 1002, 1003, 1007, 1008, 1009, 1010].includes(code) || code >= 3000;

  const open = async () => {
    timer = undefined;
    try {
      const to = typeof url === "function" ? await url(attempts++) : url;
      if (over) return;
      socket = new WebSocket(to, protocols);
    } catch (error) {
      if (error instanceof DOMException) throw error; // the URL is wrong
      again();
      return;
    }
    const own = socket;
    opened = undefined;
    own.onopen = () => {
      opened = performance.now();
      for (const [topic, t] of topics) subscribe(topic, t);
      state?.("open", own.url); // may subscribe to more
    };
    own.onmessage = (event) => {
      if (typeof event.data === "string" && event.data.startsWith('{"hub":"')) on(JSON.parse(event.data));
      else message?.(event);
    };
    own.onclose = (event) => {
      if (opened !== undefined && performance.now() - opened >= healthy) failures = 0;
      if (over || permanent(event.code)) {
        over = true;
        state?.("closed");
        closed?.(event);
      } else again();
    };
  };

  const again = () => {
    if (over) return;
    state?.("waiting");
    timer = setTimeout(open, wait());
  };

  open();

  return {
    subscribe(topic, handlers, position = "") {
      if (topics.has(topic)) throw new Error(`already subscribed to ${topic}`);
      const t = { position, on: handlers };
      topics.set(topic, t);
      subscribe(topic, t);
      return () => topics.get(topic) === t && topics.delete(topic) && command("unsubscribe", { topic });
    },
    position: (topic) => topics.get(topic)?.position ?? "",
    send,
    close() {
      over = true;
      clearTimeout(timer);
      socket?.close(1000);
    },
  };
}
