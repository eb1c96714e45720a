import { appendFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { spawnTied } from '../../lib/process/child-process.ts'

/** A Go toolchain: the path of its `go`, and its version such as `go1.27.3`. */
export interface Go {
  readonly command: string
  readonly version: string
}

export interface GoRun {
  readonly go: Go
  /** The module's folder. */
  readonly folder: string
  /** For what go and its compilers write on the way. */
  readonly temporary: string
  /** Grows by every line that go prints. */
  readonly log: string
  readonly signal?: AbortSignal | undefined
  /** Go downloads as many modules at a time as it believes to have processors. */
  readonly processors?: number
}

export interface GoResult {
  readonly ok: boolean
  /** What it printed on stdout, line by line. */
  readonly output: readonly string[]
  /** What it printed on stderr that is neither progress nor the name of a package. */
  readonly complaints: readonly string[]
}

/** What go, git and pip may need to know of where they run: the way to the network and where they keep things. */
const passedOn =
  /^(HOME|PATH|LANG|TMPDIR|USER|XDG_CACHE_HOME|XDG_CONFIG_HOME|(HTTPS?|NO|ALL)_PROXY|SSL_CERT_(FILE|DIR)|GIT_SSL_CAINFO|REQUESTS_CA_BUNDLE|PIP_\w+)$/i
const passedOnToGo = /^GO(PROXY|PRIVATE|NOPROXY|SUMDB|NOSUMDB|NOSUMCHECK|INSECURE|AUTH|VCS|PATH|CACHE|MODCACHE|ENV)$/

/** What decides, in the environment, what go makes. */
export const goSettings = {
  GOWORK: 'off',
  // Not empty: then no one's own GOFLAGS, set by `go env -w`, get in.
  GOFLAGS: '-trimpath -buildvcs=false',
  CGO_ENABLED: '0',
} as const

/** The environment of go, pip and the like: small, so that neither NODE_OPTIONS nor credentials for something else get in. */
export function toolEnvironment(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const passed = Object.entries(env).filter(([name]) => passedOn.test(name) || passedOnToGo.test(name))
  return Object.fromEntries(passed.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
}

/** Runs go, which ends with this process or when the signal says so. `seen` receives each line of its stderr. */
export async function runGo(run: GoRun, args: readonly string[], seen: (line: string) => void = () => undefined): Promise<GoResult> {
  const output: string[] = []
  const complaints: string[] = []
  writeLog(run.log, `--- ${new Date().toISOString()} ${run.go.version}: go ${args.join(' ')}`)
  const { child, ended } = spawnTied([run.go.command, ...args], { cwd: run.folder, env: goEnvironment(run) })
  const stop = (): void => void child.kill()
  run.signal?.addEventListener('abort', stop)
  const reading = [
    readLines(child.stdout, (line) => void output.push(line)),
    readLines(child.stderr, (line) => {
      writeLog(run.log, line)
      if (!/^(go: downloading .*|[^\s:]+)$/.test(line)) complaints.push(line)
      seen(line)
    }),
  ]
  const end = await ended.finally(() => run.signal?.removeEventListener('abort', stop))
  run.signal?.throwIfAborted()
  await Promise.all(reading)
  if (end !== 0) writeLog(run.log, `--- ended with ${end}`)
  return { ok: end === 0, output, complaints }
}

function goEnvironment({ temporary, processors }: GoRun): Record<string, string> {
  return {
    ...toolEnvironment(),
    GOTOOLCHAIN: 'local',
    ...goSettings,
    GOGC: '400',
    GOTMPDIR: temporary,
    ...(processors === undefined ? {} : { GOMAXPROCS: String(processors) }),
  }
}

async function readLines(stream: Readable | null, each: (line: string) => void): Promise<void> {
  if (stream === null) return
  for await (const line of createInterface({ input: stream })) each(line)
}

function writeLog(log: string, line: string): void {
  try {
    appendFileSync(log, `${line}\n`)
  } catch {
    // A full disk: go will complain of it too, and that is reported.
  }
}
