// What the peers for Node have in common: commands come by lines. See the README.
import { createInterface } from 'node:readline'

// run obeys the lines: serve OFFER..., connect URL OFFER...
export function run({ serve, connect }) {
  const lines = createInterface({ input: process.stdin })
  lines.on('line', (line) => {
    const [verb, ...words] = line.split(' ')
    if (verb === 'serve' && serve) serve(offer(words))
    else if (verb === 'connect') connect(words[0], offer(words.slice(1)))
    else throw new Error('no command: ' + line)
  })
  lines.on('close', () => process.exit(0)) // with its parent
}

function offer(words) {
  return Object.fromEntries(words.map((w) => {
    const [name, value] = w.split('=')
    return [name, value === undefined ? true : Number(value)]
  }))
}

export const listening = (port) => console.log('listening', port)
export const opened = (protocol) => console.log('open', protocol)
export const closed = (code, reason) => console.log('closed', code, String(reason))
export const failed = (why) => console.log('failed', String(why).replaceAll('\n', ' '))
