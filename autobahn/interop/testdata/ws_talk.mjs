// What the peers on Node's ws have in common: the echo, and the settings.
import { command } from './command.mjs'
import { closed } from './peer.mjs'

export const maxPayload = 1 << 25
const piece = 1000 // bytes of a fragment

export function settings(o) {
  if (!o.deflate) return { maxPayload, perMessageDeflate: false }
  const p = { threshold: 0 }
  if (o.server_bits) p.serverMaxWindowBits = o.server_bits
  if (o.client_bits) p.clientMaxWindowBits = o.client_bits
  if (o.server_alone) p.serverNoContextTakeover = true
  if (o.client_alone) p.clientNoContextTakeover = true
  return { maxPayload, perMessageDeflate: p }
}

export function talk(ws) {
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
