// A peer on Node's ws.
import { createRequire } from 'node:module'
import { run, listening, opened, failed } from './peer.mjs'
import { settings, talk } from './ws_talk.mjs'
const { WebSocket, WebSocketServer } = createRequire(process.env.NODE_MODULES + '/')('ws')

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
