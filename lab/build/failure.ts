import { OperatorError } from '../../lib/base/errors.ts'

const full = /no space left on device|disk quota exceeded|ENOSPC/i
const unreachable =
  /dial tcp|no such host|i\/o timeout|connection (refused|reset)|TLS|x509|network is unreachable|GOPROXY=off|Bad Gateway|Gateway Timeout|Service Unavailable/

/** Why a part of the build failed, by what Go said of it, and what to do about it. */
export function explainFailure(what: string, complaints: readonly string[], log: string): OperatorError {
  const text = complaints.join('\n')
  const said = [...new Set(complaints.map((line) => line.trim()))].slice(-6).map((line) => `\n  ${line.slice(0, 400)}`)
  return new OperatorError(`${what}:${said.join('')}\nThe log is kept: ${log}`, { remedy: remedyFor(text) })
}

function remedyFor(text: string): string {
  const again = 'npx zx scripts/lab.ts build (what was downloaded and compiled is kept)'
  if (full.test(text)) return `the disk is full: make room, some 7 GB for a first build, then ${again}`
  if (unreachable.test(text)) return `check the network, or the settings of your proxy (GOPROXY, HTTPS_PROXY, SSL_CERT_FILE), then ${again}`
  return `look into the log, then ${again}`
}
