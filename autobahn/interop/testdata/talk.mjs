// A conversation on a WebSocket as browsers have it, for pages and for Node.
import { command } from './command.mjs'

// talk connects and echoes; say reports how the connection opens and ends.
export function talk(WebSocket, url, say) {
  const ws = new WebSocket(url, ['chat'])
  ws.binaryType = 'arraybuffer'
  ws.onopen = () => say('open', ws.protocol)
  ws.onerror = () => say('failed')
  ws.onclose = (e) => say('closed', e.code, e.reason)
  ws.onmessage = ({ data }) => {
    const cmd = command(typeof data === 'string' ? data.slice(0, 200) : '')
    if (cmd.name === 'close') ws.close(cmd.code, cmd.reason)
    else ws.send(data)
  }
}
