// Does one of each with the server at the URL: a query, a subscription that ends, one that does not,
// and a mutation. It prints what came, one JSON value a line.
import { createClient } from 'graphql-ws'
import WebSocket from 'ws' // Node.js before version 22 has none of its own

const url = process.argv[2]
const print = (label, value) => console.log(JSON.stringify({ [label]: value }))

let pong
const ponged = new Promise(resolve => { pong = resolve })
const client = createClient({
  url,
  webSocketImpl: WebSocket,
  connectionParams: { name: 'Ann' },
  lazy: false, // connect now, and keep the connection
  keepAlive: 10, // ms between pings: a program of yours wants seconds
  on: { pong: received => received && pong() },
})

// A query has one result.
async function ask(query, variables) {
  for await (const result of client.iterate({ query, variables })) return result
}

print('me', await ask('{ me }'))
print('unknown', await ask('{ nothing }').catch(errors => errors.map(e => e.message)))

const counted = []
for await (const { data } of client.iterate({ query: 'subscription { countdown(from: 3) }' })) {
  counted.push(data.countdown)
}
print('countdown', counted)
print('refused', await ask('subscription { countdown(from: 0) }').catch(errors => errors.map(e => e.message)))

const lines = client.iterate({ query: 'subscription { said { name text } }' })
const first = lines.next() // subscribes
while ((await ask('{ listeners }')).data.listeners === 0);
print('say', await ask('mutation ($text: String!) { say(text: $text) }', { text: 'grüß Gott 👋' }))
print('said', (await first).value)
await lines.return() // tells the server
while ((await ask('{ listeners }')).data.listeners > 0);
print('silence', await ask('mutation { say(text: "anybody?") }'))

await ponged
print('pong', true)
await client.dispose()

const stranger = createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0 })
const refused = await new Promise(resolve => {
  stranger.subscribe({ query: '{ me }' }, { next: resolve, error: resolve, complete: () => resolve('completed') })
})
print('stranger', { code: refused.code, reason: refused.reason })
