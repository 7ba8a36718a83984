// A client with Node's ws: sends the messages, wants each back, closes with 4001.
//   node client.mjs URL {"perMessageDeflate":{...}}
import { createRequire } from 'node:module'
import { messages } from './messages.mjs'
const { WebSocket } = createRequire(process.env.NODE_MODULES + '/')('ws')

const [url, options] = process.argv.slice(2)
const sent = messages()
const ws = new WebSocket(url, ['chat'], { ...JSON.parse(options), maxPayload: 1 << 26 })
let next = 0
const fail = (why) => { console.error(why); process.exit(1) }
ws.on('open', () => ws.ping('are you there'))
ws.on('pong', (data) => {
  if (data.toString() !== 'are you there') fail('pong ' + data)
  for (const m of sent) ws.send(m)
})
ws.on('message', (data, binary) => {
  const want = sent[next++]
  if (binary !== (typeof want !== 'string') || Buffer.compare(data, Buffer.from(want)) !== 0) fail('message ' + (next - 1) + ' differs')
  if (next === sent.length) ws.close(4001, 'enough')
})
ws.on('error', (e) => fail(e.message))
ws.on('close', (code) => {
  if (code !== 4001 || next !== sent.length) fail(`closed with ${code} after ${next} messages`)
  console.log(ws.protocol + '|' + ws.extensions)
})
