// command takes a text message apart: what it asks for, or nothing.
export function command(text) {
  const m = /^\/(fragments|ping|close) ?(.*)$/s.exec(text.length < 200 ? text : '')
  if (!m) return { name: '' }
  const c = { name: m[1], arg: m[2] }
  if (c.name === 'close') {
    [, c.code, c.reason] = /^(\d+) ?(.*)$/s.exec(c.arg)
    c.code = Number(c.code)
  }
  return c
}
