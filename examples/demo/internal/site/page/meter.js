// meter.js: a moving chart of the bytes of the last seconds, sent above the
// line and received below it.

const tick = 100; // ms, the width of one bar

const meters = new Set(); // all that are on the page
const moving = new Set(); // those that have something to show
let timer = 0;

// colours are read from the style sheet at each round, so that a change
// between light and dark shows at once.
function colours() {
  const style = getComputedStyle(document.documentElement);
  return { up: style.getPropertyValue("--up"), down: style.getPropertyValue("--down"), rule: style.getPropertyValue("--rule") };
}

// advance moves all charts on by one bar, and rests when nothing is in sight.
function advance() {
  const c = colours();
  for (const meter of moving) meter.advance(c);
  if (moving.size === 0) {
    clearInterval(timer);
    timer = 0;
  }
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const meter of meters) meter.draw(colours());
});

export class Meter {
  // A bar of 2**tallest bytes fills the height; the scale is logarithmic.
  constructor(canvas, seconds, tallest) {
    this.canvas = canvas;
    this.tallest = tallest;
    this.bars = Array.from({ length: (seconds * 1000) / tick }, () => ({ up: 0, down: 0 }));
    this.quiet = this.bars.length; // bars since the last that was not empty
    meters.add(this);
    new ResizeObserver(() => this.draw(colours())).observe(canvas);
  }

  // add counts bytes into the present bar.
  add(up, down) {
    const bar = this.bars.at(-1);
    bar.up += up;
    bar.down += down;
    this.quiet = 0;
    moving.add(this);
    timer ||= setInterval(advance, tick);
  }

  // stop forgets a chart that leaves the page.
  stop() {
    meters.delete(this);
    moving.delete(this);
  }

  advance(c) {
    this.draw(c);
    this.bars.push({ up: 0, down: 0 });
    this.bars.shift();
    if (++this.quiet > this.bars.length) moving.delete(this);
  }

  draw(c) {
    const { canvas, bars } = this;
    const scale = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (!width || !height) return;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    const g = canvas.getContext("2d");
    g.scale(scale, scale);
    const middle = height / 2;
    const step = width / bars.length;
    g.fillStyle = c.rule;
    g.fillRect(0, middle - 0.5, width, 1);
    bars.forEach((bar, i) => {
      const reach = (n) => (n ? Math.min(middle, Math.max(2, (Math.log2(1 + n) / this.tallest) * (middle - 2))) : 0);
      const thick = Math.max(1, step * 0.7);
      g.fillStyle = c.up;
      g.fillRect(i * step, middle - 1 - reach(bar.up), thick, reach(bar.up));
      g.fillStyle = c.down;
      g.fillRect(i * step, middle + 1, thick, reach(bar.down));
    });
  }
}
