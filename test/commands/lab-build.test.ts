import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { ensureExecutables } from '../../lab/build/executables.ts'
import { startOf } from '../../lib/process/process-start.ts'
import { recordingConsole } from '../recording-console.ts'

// A stand-in for go that answers as the real one does: what is tested is what is made of its answers.
const going = {
  vendor: 'echo "go: downloading k8s.io/api v0.36.3" >&2; echo "go: resolving embeds in web: pattern dist/*: no matching files found" >&2',
  download: `printf '{"Dir":"%s"}' "$HERE/module"`,
  list: 'echo fmt; echo lab/control-plane',
  build: `echo k8s.io/api/core/v1 >&2; while [ "$1" != -o ]; do shift; done
for name in control-plane operator source-controller kustomize-controller helm-controller helm flux; do echo "$name" > "$2$name"; done`,
}

let home: string
let cache: string

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'build-'))
  cache = join(home, 'flux-runbook', 'lab')
  for (const folder of ['bin', 'module/config/data/flux', 'module/config/rbac']) mkdirSync(join(home, folder), { recursive: true })
  for (const file of ['crd.yaml', 'rbac/role.yaml']) writeFileSync(join(home, 'module', 'config', file), file, { mode: 0o444 })
  const fluxVersion = /fluxcd\/flux2\/v2 (v\S+)/.exec(readFileSync('lab/go.mod', 'utf8'))?.[1] ?? ''
  mkdirSync(join(home, 'module/config/data/flux', fluxVersion))
  vi.stubEnv('PATH', join(home, 'bin'))
  vi.stubEnv('XDG_CACHE_HOME', home)
  vi.stubEnv('NODE_OPTIONS', '--no-warnings')
  standIn({})
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(home, { recursive: true })
})

function standIn(change: Partial<typeof going>): void {
  const { vendor, download, list, build } = { ...going, ...change }
  const script = `#!/bin/sh
PATH=/usr/bin:/bin HERE=${home}
echo "$*" >> $HERE/calls
case "$1 $2" in
"env GOVERSION") echo go1.27.3; echo $HERE;;
"mod vendor") ${vendor};;
"mod download") ${download};;
"list -mod=vendor") ${list};;
"build -v") env > $HERE/environment; ${build};;
*) exit 99;;
esac`
  writeFileSync(join(home, 'bin', 'go'), script)
  chmodSync(join(home, 'bin', 'go'), 0o755)
}

function builds(): number {
  return readFileSync(join(home, 'calls'), 'utf8').match(/^build /gm)?.length ?? 0
}

/** What is in the cache beside the log and the durations. */
function made(): string[] {
  return readdirSync(cache).filter((name) => !name.endsWith('.log') && !name.startsWith('durations-'))
}

describe('a build', () => {
  test('is done once, also when two ask at the same time, and leaves what the lab needs', async () => {
    const [first, second] = await Promise.all([1, 2].map(() => ensureExecutables(recordingConsole().console)))
    const third = recordingConsole()
    expect(await ensureExecutables(third.console)).toEqual(first)
    expect(third.lines).toEqual([])
    expect(second).toEqual(first)
    expect(builds()).toBe(1)
    expect(made()).toHaveLength(1)
    expect(first?.images.map(({ image }) => image)).toEqual([
      'flux-operator',
      'source-controller',
      'kustomize-controller',
      'helm-controller',
    ])
    for (const { path, image } of first?.images ?? [])
      expect(readFileSync(path, 'utf8')).toBe(`${image === 'flux-operator' ? 'operator' : image}\n`)
    expect(readFileSync(first?.kubectl ?? '', 'utf8')).toBe('control-plane\n')
    expect(readlinkSync(join(first?.bin ?? '', 'etcd'))).toBe('control-plane')
    expect(readFileSync(join(first?.operatorConfig ?? '', 'rbac/role.yaml'), 'utf8')).toBe('rbac/role.yaml')
    expect(statSync(join(first?.operatorConfig ?? '', 'crd.yaml')).mode & 0o200).toBe(0o200) // else it cannot be removed
  })

  test('of an older Flux is done when asked for, and found by itself from then on', async () => {
    const tags = async (older: readonly string[]): Promise<string[]> => {
      const { images } = await ensureExecutables(recordingConsole().console, undefined, older)
      return images.filter(({ image }) => image === 'kustomize-controller').map(({ tag, version }) => `${tag} ${version ?? ''}`)
    }
    const [own] = await tags([])
    expect(builds()).toBe(1)
    expect(await tags(['2.7.0'])).toEqual([own, 'v1.7.0 v1.7.3'])
    expect(await tags([])).toEqual([own, 'v1.7.0 v1.7.3'])
    expect(builds()).toBe(2)
  })

  test('says what it does, and next time how long that took; continues after one that was killed, and clears away what that left', async () => {
    const { console, lines } = recordingConsole()
    const { bin } = await ensureExecutables(console)
    expect(lines).toContain('✔ 1 Go modules downloaded')
    expect(lines.at(-1)).toMatch(/^✔ compiled control-plane v1\.\S+, flux-operator v0/)
    const folder = join(bin, '..')
    rmSync(folder, { recursive: true })
    mkdirSync(`${folder}.building-999999999/module/vendor`, { recursive: true })
    writeFileSync(`${folder}.lock`, JSON.stringify({ pid: 999_999_999, started: 'before', name: 'build' }))
    const again = recordingConsole()
    await ensureExecutables(again.console)
    expect(again.lines[0]).toMatch(
      /^► building the lab's executables with go1\.27\.3 \(last time: 1 modules in \d+\.\d s, 1 packages in \d+\.\d s\)$/,
    )
    expect(again.lines).toContainEqual('◎ compiling, 0 of ≤2 packages, 0 of 7 programs: ')
    expect(made()).toHaveLength(1)
    expect(existsSync(bin)).toBe(true)
  })

  test('gives go a small environment', async () => {
    vi.stubEnv('HTTPS_PROXY', 'http://proxy.example')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret')
    vi.stubEnv('GOFLAGS', '-race')
    await ensureExecutables(recordingConsole().console)
    const environment = readFileSync(join(home, 'environment'), 'utf8')
    expect(environment).toContain('HTTPS_PROXY=http://proxy.example')
    expect(environment).toContain('CGO_ENABLED=0')
    expect(environment).not.toMatch(/NODE_OPTIONS|AWS_|-race/)
  })
})

describe('a build that is stopped', () => {
  test('ends go, and leaves nothing', async () => {
    standIn({ build: 'echo k8s.io/api/core/v1 >&2; echo $$ > $HERE/pid; exec sleep 60' })
    const stopping = new AbortController()
    const stopped = ensureExecutables(recordingConsole().console, stopping.signal)
    await vi.waitUntil(() => existsSync(join(home, 'pid')), { timeout: 20_000 })
    stopping.abort(new Error('stopped by Ctrl-C'))
    await expect(stopped).rejects.toThrow('stopped by Ctrl-C')
    expect(made()).toEqual([])
    expect(startOf(Number(readFileSync(join(home, 'pid'), 'utf8')))).toBeUndefined()
  })

  test('does not wait on for another', async () => {
    const { bin } = await ensureExecutables(recordingConsole().console)
    rmSync(join(bin, '..'), { recursive: true })
    writeFileSync(join(bin, '..') + '.lock', JSON.stringify({ pid: process.pid, started: startOf(process.pid), name: 'build' }))
    const { console, lines } = recordingConsole()
    const stopping = new AbortController()
    const stopped = ensureExecutables(console, stopping.signal)
    await vi.waitUntil(() => lines.includes(`◎ waiting for process ${process.pid}, which is building the lab's executables`), {
      timeout: 20_000,
    })
    stopping.abort(new Error('stopped by Ctrl-C'))
    await expect(stopped).rejects.toThrow('stopped by Ctrl-C')
  })
})

describe('a build that fails', () => {
  const failing = async (change: Partial<typeof going>): Promise<{ error: unknown; lines: string[] }> => {
    standIn(change)
    const { console, lines } = recordingConsole()
    const error: unknown = await ensureExecutables(console).then(
      () => expect.fail('built'),
      (thrown: unknown) => thrown,
    )
    expect(made()).toEqual([])
    return { error, lines }
  }

  test('without a network: names the module and the settings to check, and keeps the log', async () => {
    const refused = 'dial tcp: lookup proxy.example: no such host'
    const { error, lines } = await failing({ download: `echo '{"Error":"${refused}"}'; exit 1`, list: 'exit 1' })
    expect(error).toMatchObject({
      message: expect.stringContaining(`github.com/controlplaneio-fluxcd/flux-operator cannot be downloaded:\n  ${refused}`),
    })
    expect(error).toMatchObject({ remedy: expect.stringContaining('GOPROXY') })
    expect(lines.at(-1)).toBe('✗ downloading Go modules')
  })

  test('by a package that does not exist: says what go said', async () => {
    const vendor = 'echo "go: lab/control-plane imports k8s.io/nowhere: module not found" >&2'
    const { error } = await failing({ vendor, list: 'echo "cannot find package" >&2; exit 1' })
    expect(error).toMatchObject({ message: expect.stringContaining('k8s.io/nowhere: module not found\n  cannot find package') })
  })

  test('on a full disk: says so, and which programs are missing', async () => {
    const build = `while [ "$1" != -o ]; do shift; done; echo half > "$2"helm
echo "# k8s.io/api/core/v1" >&2; echo "link: write /made/flux: no space left on device" >&2; exit 1`
    const { error, lines } = await failing({ build })
    expect(error).toMatchObject({
      message: expect.stringMatching(
        /^control-plane, .*, flux cannot be compiled:\n {2}# k8s.io\/api\/core\/v1\n {2}link: .*no space left on device\nThe log is kept: /,
      ),
      remedy: expect.stringMatching(/^the disk is full: make room/),
    })
    const log = /The log is kept: (.*)/.exec(String(error))?.[1] ?? ''
    expect(readFileSync(log, 'utf8')).toContain('no space left on device')
    expect(lines.at(-1)).toBe('✗ compiling')
  })
})
