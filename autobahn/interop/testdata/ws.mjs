// A peer on Node's ws.
import { createRequire } from 'node:module'
import { command } from './command.mjs'
import { run, listening, opened, closed, failed } from './peer.mjs'
const { WebSocket, WebSocketServer } = createRequire(process.env.NODE_MODULES + '/')('ws')

const maxPayload = 1 << 25
const piece = 1000 // bytes of a fragment

function settings(o) {
  if (!o.deflate) return { maxPayload, perMessageDeflate: false }
  const p = { threshold: 0 }
  if (o.server_bits) p.serverMaxWindowBits = o.server_bits
  if (o.client_bits) p.clientMaxWindowBits = o.client_bits
  if (o.server_alone) p.serverNoContextTakeover = true
  if (o.client_alone) p.clientNoContextTakeover = true
  return { maxPayload, perMessageDeflate: p }
}

function talk(ws) {
  let fragments = false
  ws.on('pong', (data) => ws.send('pong ' + data))
  ws.on('error', (e) => console.error(e.message)) // 'close' follows
  ws.on('close', closed)
  ws.on('message', (data, binary) => {
    const cmd = command(binary ? '' : data.toString('utf8', 0, 200))
    if (cmd.name === 'fragments') fragments = true
    else if (cmd.name === 'ping') ws.ping(cmd.arg)
    else if (cmd.name === 'close') ws.close(cmd.code, cmd.reason)
    else if (fragments) {
      fragments = false
      for (let i = 0; i < data.length; i += piece) {
        ws.send(data.subarray(i, i + piece), { binary, fin: i + piece >= data.length })
      }
    } else ws.send(data, { binary })
  })
}

run({
  serve(o) {
    const server = new WebSocketServer({ ...settings(o), host: '127.0.0.1', port: 0 })
    server.on('listening', () => listening(server.address().port))
    server.on('connection', (ws) => { opened(ws.protocol); talk(ws) })
  },
  connect(url, o) {
    const ws = new WebSocket(url, ['chat'], settings(o))
    ws.once('open', () => opened(ws.protocol))
    ws.once('error', failed)
    talk(ws)
  },
})
