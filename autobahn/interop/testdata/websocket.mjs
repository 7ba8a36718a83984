// A peer on a WebSocket as browsers have it: Node's own, or undici's.
//   node --experimental-websocket websocket.mjs [undici]
import { createRequire } from 'node:module'
import { run } from './peer.mjs'
import { talk } from './talk.mjs'
const { WebSocket } = process.argv[2] ? createRequire(process.env.NODE_MODULES + '/')(process.argv[2]) : globalThis
if (!WebSocket) throw new Error('this version of Node has no WebSocket')

run({ connect: (url) => talk(WebSocket, url, console.log) })
