import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

// What the Dockerfile does with the programs that it fetches, by a real shell; only curl is one that has the files already.
let folder: string
let tools: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'frb-image-'))
  tools = join(folder, 'tools')
  for (const part of ['tools', 'bin', 'web/linux-amd64']) mkdirSync(join(folder, part), { recursive: true })
  writeFileSync(
    join(folder, 'bin', 'curl'),
    `#!/bin/sh\nfor last; do :; done\nwhile [ "$1" != --output ]; do shift; done\ncp "${folder}/web/$(basename "$last")" "$2"\n`,
    { mode: 0o755 },
  )
  for (const program of ['kubectl', 'flux', 'linux-amd64/helm']) writeFileSync(join(folder, 'web', program), `the program ${program}`)
  for (const [archive, program] of [
    [`helm-v${argument('HELM_VERSION')}-linux-amd64.tar.gz`, 'linux-amd64/helm'],
    [`flux_${argument('FLUX_VERSION')}_linux_amd64.tar.gz`, 'flux'],
  ] as const)
    execFileSync('tar', ['--create', '--gzip', '--file', archive, program], { cwd: join(folder, 'web') })
})
afterEach(() => rmSync(folder, { recursive: true }))

const dockerfile = readFileSync('Dockerfile', 'utf8').replaceAll('\\\n', ' ')
const run =
  dockerfile
    .split('\n')
    .find((line) => line.startsWith('RUN ') && line.includes('fetch()'))
    ?.slice('RUN '.length) ?? ''

function argument(name: string): string {
  return new RegExp(`^ARG ${name}=(.*)$`, 'm').exec(dockerfile)?.[1] ?? ''
}

/** Runs the instruction with these checksums. Returns its exit code, and what it has left. */
function build(sums: Readonly<Record<string, string>>): { readonly code: number | null; readonly stderr: string; readonly left: string[] } {
  const versions = Object.fromEntries(['KUBECTL_VERSION', 'HELM_VERSION', 'FLUX_VERSION'].map((name) => [name, argument(name)]))
  const env = { PATH: `${join(folder, 'bin')}:${process.env.PATH}`, TARGETARCH: 'amd64', ...versions, ...sums }
  const { status, stderr } = spawnSync('sh', ['-c', run], { cwd: tools, env, encoding: 'utf8' })
  return { code: status, stderr, left: readdirSync(tools).sort() }
}

function checksums(): Record<string, string> {
  const of = (file: string): string =>
    createHash('sha256')
      .update(readFileSync(join(folder, 'web', file)))
      .digest('hex')
  return {
    KUBECTL_SHA256: of('kubectl'),
    HELM_SHA256: of(`helm-v${argument('HELM_VERSION')}-linux-amd64.tar.gz`),
    FLUX_SHA256: of(`flux_${argument('FLUX_VERSION')}_linux_amd64.tar.gz`),
  }
}

test('files with the checksums that were given become the three programs', () => {
  expect(build(checksums())).toMatchObject({ code: 0, left: ['flux', 'helm', 'kubectl'] })
  for (const program of ['flux', 'kubectl']) expect(readFileSync(join(tools, program), 'utf8')).toBe(`the program ${program}`)
  execFileSync('test', ['-x', join(tools, 'helm')])
})

test.each(['KUBECTL_SHA256', 'HELM_SHA256', 'FLUX_SHA256'])('a file whose %s is another, or was not given, ends the build', (name) => {
  expect(build({ ...checksums(), [name]: '0'.repeat(64) })).toMatchObject({ stderr: expect.stringContaining('did NOT match') })
  expect(build({ ...checksums(), [name]: '0'.repeat(64) }).code).not.toBe(0)
  expect(build({ ...checksums(), [name]: '' })).toMatchObject({ stderr: expect.stringContaining(name) })
  expect(build({ ...checksums(), [name]: '' }).code).not.toBe(0)
})
