// ui.js: small things that the connection and the room share.

export const byId = (id) => document.getElementById(id);

const numbers = new Intl.NumberFormat("en");

export const count = (n) => numbers.format(n);

export const plural = (n, one, many = one + "s") => `${count(n)} ${n === 1 ? one : many}`;

// bytes writes a size as people read it: exact below 64 KiB, where the sizes
// of frames are of interest, rounded above.
export function bytes(n) {
  if (n <= 65536) return `${count(n)} B`;
  const [unit, name] = n < 1 << 20 ? [1 << 10, "KiB"] : [1 << 20, "MiB"];
  const value = n / unit;
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${name}`;
}

// socketURL is a path of this server as a ws: or wss: URL.
export function socketURL(path) {
  const url = new URL(path, location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

// element makes an element that holds text. Text is only ever set this way,
// never as HTML; the server's policy (trusted-types 'none') forbids the other.
export function element(name, text = "", className = "") {
  const e = document.createElement(name);
  e.textContent = text;
  if (className) e.className = className;
  return e;
}

// coalesced returns a function that has fn run soon, and at most ten times a
// second however often it is called. Timers, not animation frames: a tab in
// the background goes on.
export function coalesced(fn, every = 100) {
  let timer = 0;
  let last = -Infinity;
  return () => {
    if (timer) return;
    timer = setTimeout(() => {
      timer = 0;
      last = performance.now();
      fn();
    }, Math.max(0, last + every - performance.now()));
  };
}

// follower returns a function that appends rows to a list in a scrolling box
// and drops the oldest beyond limit. The box stays at its end, also when its
// size changes, unless the person has scrolled away from there.
export function follower(box, list, limit) {
  let atEnd = true;
  const toEnd = () => {
    if (atEnd) box.scrollTop = box.scrollHeight;
  };
  box.addEventListener("scroll", () => (atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40));
  new ResizeObserver(toEnd).observe(box);
  return (rows) => {
    list.append(...rows.slice(-limit));
    while (list.childElementCount > limit) list.firstElementChild.remove();
    toEnd();
  };
}

// available marks a button as usable or not, without taking the keyboard's
// focus away as the disabled attribute does. Handlers ask isAvailable.
export function available(button, yes) {
  button.setAttribute("aria-disabled", String(!yes));
}

export const isAvailable = (button) => button.getAttribute("aria-disabled") !== "true";
