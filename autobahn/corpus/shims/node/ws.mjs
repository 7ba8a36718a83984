// The shim of ws, for Node.js: npm install, then node ws.mjs.
import { createInterface } from 'node:readline'
import { createHash } from 'node:crypto'
import { Duplex } from 'node:stream'
import { WebSocket, WebSocketServer } from 'ws'

// wire is a socket: respond gets the request if ws is the client, and out what follows the handshake.
function wire(client, respond) {
  let head = ''
  const s = new Duplex({
    read() {},
    write(chunk, _, done) {
      if (s.opened) s.out.push(chunk)
      else if ((head += chunk.toString('latin1')).endsWith('\r\n\r\n')) {
        s.opened = true
        if (client) respond(head)
      }
      done()
    },
  })
  Object.assign(s, { out: [], setTimeout() {}, setNoDelay() {}, setKeepAlive() {}, ref() {}, unref() {} })
  return s
}

function offer(d) {
  if (!d) return ''
  return `permessage-deflate; client_max_window_bits=${d.client_max_window_bits}; server_max_window_bits=${d.server_max_window_bits}` +
    (d.server_no_context_takeover ? '; server_no_context_takeover' : '') + (d.client_no_context_takeover ? '; client_no_context_takeover' : '')
}

function deflate(d) {
  return d && {
    serverNoContextTakeover: d.server_no_context_takeover, clientNoContextTakeover: d.client_no_context_takeover,
    serverMaxWindowBits: d.server_max_window_bits, clientMaxWindowBits: d.client_max_window_bits,
  }
}

function run(c) {
  return new Promise(resolve => {
    const events = []
    const note = (kind, p) => events.push((kind + ' ' + Buffer.from(p).toString('hex')).trim())
    const client = c.role === 'client'
    const socket = wire(client, head => {
      const key = /sec-websocket-key: (\S+)/i.exec(head)[1]
      const accept = createHash('sha1').update(key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64')
      socket.push('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${accept}\r\n${c.deflate ? 'Sec-WebSocket-Extensions: ' + offer(c.deflate) + '\r\n' : ''}\r\n`)
    })
    const watch = ws => {
      let failed = false
      ws.on('message', (p, binary) => note(binary ? 'binary' : 'text', p))
      ws.on('ping', p => note('ping', p))
      ws.on('pong', p => note('pong', p))
      ws.on('error', () => { failed = true })
      ws.on('close', (code, reason) => {
        if (failed) events.push('fail')
        else if (code === 1006) events.push('end')
        else note('close ' + code, reason)
        resolve({ id: c.id, events, pings: true, out: Buffer.concat(socket.out).toString('hex') })
      })
      if (client) ws.on('open', feed)
      else feed()
    }
    const feed = () => {
      for (const chunk of c.in) socket.push(Buffer.from(chunk, 'hex'))
      setTimeout(() => socket.push(null), 20) // else it ends before ws has answered
    }
    if (client) {
      watch(new WebSocket('ws://shim/', { createConnection: () => socket, maxPayload: c.max, perMessageDeflate: deflate(c.deflate) ?? false }))
      return
    }
    const server = new WebSocketServer({ noServer: true, maxPayload: c.max, perMessageDeflate: deflate(c.deflate) ?? false })
    const headers = { upgrade: 'websocket', connection: 'Upgrade', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', 'sec-websocket-version': '13' }
    if (c.deflate) headers['sec-websocket-extensions'] = offer(c.deflate)
    server.handleUpgrade({ method: 'GET', url: '/', headers, socket }, socket, Buffer.alloc(0), watch)
  })
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(await run(JSON.parse(line))) + '\n')
}
