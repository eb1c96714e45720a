// Preloaded by `node --import`: writes the GET requests of this process to the API, as JSON lines, into the file that BENCH_REQUESTS names.
import { appendFileSync } from 'node:fs'
import { subscribe } from 'node:diagnostics_channel'

subscribe('http.client.request.start', ({ request }) => {
  const { method, path } = request
  if (method !== 'GET' || !/^\/(api|apis|version)(\/|\?|$)/.test(path)) return
  const accept = String(request.getHeader('accept') ?? 'application/json')
  appendFileSync(process.env.BENCH_REQUESTS, `${JSON.stringify({ path, accept })}\n`)
})
