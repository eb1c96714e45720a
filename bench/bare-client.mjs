// The least that a program can do: the GET requests of BENCH_REQUESTS, all at once, read to their end, and parsed. BENCH_API has the server, its CA and a
// token as JSON.
import { readFileSync } from 'node:fs'
import { Agent, get } from 'node:https'

const { server, ca, token } = JSON.parse(readFileSync(process.env.BENCH_API, 'utf8'))
const lines = readFileSync(process.env.BENCH_REQUESTS, 'utf8').trim().split('\n')
const agent = new Agent({ ca, keepAlive: true, maxSockets: 32 })
const headers = { authorization: `Bearer ${token}` }
const ask = ({ path, accept }) =>
  new Promise((resolve, reject) => {
    get(server + path, { agent, headers: { ...headers, accept } }, (answer) => {
      const chunks = []
      answer.on('data', (chunk) => chunks.push(chunk))
      answer.on('end', () => resolve(JSON.parse(Buffer.concat(chunks).toString() || 'null')))
    }).on('error', reject)
  })
await Promise.all(lines.map((line) => ask(JSON.parse(line))))
agent.destroy()
