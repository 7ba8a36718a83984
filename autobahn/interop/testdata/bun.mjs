// A peer on Bun's own WebSockets: those of its server, and its WebSocket.
import { run, listening, opened, closed, failed } from './peer.mjs'
import { command } from './command.mjs'

const maxPayloadLength = 1 << 25

// answer sends a message back: Bun's two kinds of sockets have the same methods.
function answer(ws, data) {
  const cmd = command(typeof data === 'string' ? data : '')
  if (cmd.name === 'ping') ws.ping(cmd.arg)
  else if (cmd.name === 'close') ws.close(cmd.code, cmd.reason)
  else send(ws, data)
}

// send has each message compressed. The client's method ignores the argument.
const send = (ws, data) => ws.send(data, true)

run({
  serve(o) {
    const server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch(request, server) {
        if (server.upgrade(request, { headers: { 'Sec-WebSocket-Protocol': 'chat' } })) return
        return new Response('', { status: 400 })
      },
      websocket: {
        maxPayloadLength,
        backpressureLimit: 2 * maxPayloadLength,
        idleTimeout: 0,
        perMessageDeflate: Boolean(o.deflate),
        open: () => opened('chat'), // the library does not tell the socket's
        message: answer,
        pong: (ws, data) => send(ws, 'pong ' + data),
        close: (ws, code, reason) => closed(code, reason),
      },
    })
    listening(server.port)
  },
  connect(url, o) {
    const ws = new WebSocket(url, { protocols: ['chat'], perMessageDeflate: Boolean(o.deflate) })
    ws.binaryType = 'nodebuffer'
    ws.onopen = () => opened(ws.protocol)
    ws.onerror = (e) => failed(e.message)
    ws.onclose = (e) => closed(e.code, e.reason)
    ws.onmessage = ({ data }) => answer(ws, data)
    ws.addEventListener('pong', ({ data }) => ws.send('pong ' + data))
  },
})
