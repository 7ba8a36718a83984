// A peer on Node's http2, for WebSockets over HTTP/2 (RFC 8441): ws makes the
// frames, and takes a stream where it has a socket otherwise.
import http2 from 'node:http2'
import { createRequire } from 'node:module'
import { run, listening, opened, failed } from './peer.mjs'
import { maxPayload, settings, talk } from './ws_talk.mjs'
const { WebSocket, PerMessageDeflate, extension } = createRequire(process.env.NODE_MODULES + '/')('ws')

const name = 'permessage-deflate'

// deflate is what a side offers or accepts.
function deflate(o, isServer) {
  return new PerMessageDeflate({ ...settings(o).perMessageDeflate, isServer, maxPayload })
}

// extensions are those in headers, which may have none.
function extensions(headers) {
  const value = headers['sec-websocket-extensions']
  return value ? extension.parse(value) : {}
}

// open is ws on a stream whose handshake is done.
function open(stream, isServer, protocol, pmd) {
  const ws = new WebSocket(null, undefined, { autoPong: true, closeTimeout: 30000 })
  ws._isServer = isServer
  ws._protocol = protocol
  if (pmd) ws._extensions = { [name]: pmd }
  talk(ws)
  ws.setSocket(stream, Buffer.alloc(0), { maxPayload, allowSynchronousEvents: true, skipUTF8Validation: false })
  opened(protocol)
}

run({
  serve(o) {
    const server = http2.createServer({ settings: { enableConnectProtocol: true } })
    server.on('stream', (stream, headers) => {
      if (headers[':method'] !== 'CONNECT' || headers[':protocol'] !== 'websocket') {
        stream.respond({ ':status': 501 }, { endStream: true })
        return
      }
      const response = { ':status': 200, 'sec-websocket-protocol': 'chat' }
      const offers = extensions(headers)
      let pmd
      if (o.deflate && offers[name]) {
        pmd = deflate(o, true)
        response['sec-websocket-extensions'] = extension.format({ [name]: [pmd.accept(offers[name])] })
      }
      stream.respond(response)
      open(stream, true, 'chat', pmd)
    })
    server.listen(0, '127.0.0.1', () => listening(server.address().port))
  },
  connect(url, o) {
    const u = new URL(url)
    const session = http2.connect((u.protocol === 'wss:' ? 'https://' : 'http://') + u.host)
    session.on('error', failed)
    session.once('remoteSettings', ({ enableConnectProtocol }) => {
      if (!enableConnectProtocol) return failed('the server has not announced SETTINGS_ENABLE_CONNECT_PROTOCOL')
      const request = {
        ':method': 'CONNECT', ':protocol': 'websocket', ':path': u.pathname + u.search,
        'sec-websocket-version': '13', 'sec-websocket-protocol': 'chat',
      }
      const pmd = o.deflate && deflate(o, false)
      if (pmd) request['sec-websocket-extensions'] = extension.format({ [name]: [pmd.offer()] })
      const stream = session.request(request, { endStream: false })
      stream.on('close', () => session.close())
      stream.on('response', (headers) => {
        if (headers[':status'] !== 200) return failed(headers[':status'])
        const answer = extensions(headers)[name]
        if (pmd && answer) pmd.accept(answer)
        open(stream, false, headers['sec-websocket-protocol'], answer && pmd)
      })
    })
  },
})
