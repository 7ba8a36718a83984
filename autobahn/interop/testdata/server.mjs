// An echo server with Node's ws; prints its port.
//   node server.mjs {"perMessageDeflate":{...}}
import { createRequire } from 'node:module'
const { WebSocketServer } = createRequire(process.env.NODE_MODULES + '/')('ws')

const server = new WebSocketServer({ ...JSON.parse(process.argv[2]), host: '127.0.0.1', port: 0, maxPayload: 1 << 26 })
server.on('listening', () => console.log(server.address().port))
server.on('connection', (ws) => {
  ws.on('error', (e) => console.error(e.message))
  ws.on('message', (data, binary) => ws.send(data, { binary }))
})
process.stdin.resume() // ends with its parent
process.stdin.on('end', () => process.exit(0))
