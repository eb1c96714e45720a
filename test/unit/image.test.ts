import { existsSync, readFileSync } from 'node:fs'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'

// An image cannot be built here: what can be known of it without that is checked.
const instructions = readFileSync('Dockerfile', 'utf8')
  .replaceAll(/^#.*\n/gm, '')
  .replaceAll('\\\n', ' ')
  .split('\n')
  .filter((line) => line !== '')
const of = (name: string): string[] => instructions.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1))
const args = new Map(of('ARG').map((line) => [line.split('=')[0] ?? '', line.split('=')[1]]))

describe('the Dockerfile', () => {
  test('begins every stage with one exact version of Node', () => {
    expect(args.get('NODE_VERSION')).toMatch(/^\d+\.\d+\.\d+$/)
    for (const from of of('FROM')) expect(from).toMatch(/^node:\$\{NODE_VERSION\}-bookworm-slim( AS [a-z]+)?$/)
    expect(Number(args.get('NODE_VERSION')?.split('.')[0]) % 2).toBe(0) // a version with long-term support
  })

  test('has each program in one exact version, of which a checksum is compared that nobody can leave out', () => {
    const run = of('RUN').find((line) => line.includes('fetch()')) ?? ''
    for (const program of ['KUBECTL', 'HELM', 'FLUX']) {
      expect(args.get(`${program}_VERSION`), program).toMatch(/^\d+\.\d+\.\d+$/)
      expect(args.has(`${program}_SHA256`) && args.get(`${program}_SHA256`) === undefined, program).toBe(true)
      expect(run).toContain(`"\${${program}_SHA256:?}"`)
      expect(run).toMatch(new RegExp(`fetch \\S+ "https://\\S+" "\\$${program}_SHA256"`))
    }
    expect(run.match(/https:/g)).toHaveLength(3)
  })

  test('is nobody’s root, names no latest, and its program is the installed command', () => {
    expect(of('USER')).toEqual(['1000:1000'])
    expect(instructions.at(-1)).toBe('ENTRYPOINT ["node", "/opt/flux-runbook/dist/flux-runbook.js"]')
    expect(instructions.join('\n')).not.toMatch(/latest|--no-check-certificate|--insecure/)
    const { bin } = v.parse(v.object({ bin: v.record(v.string(), v.string()) }), JSON.parse(readFileSync('package.json', 'utf8')))
    expect(bin['flux-runbook']).toBe('dist/flux-runbook.js')
  })

  test('copies nothing that Git must not have', () => {
    const ignored = readFileSync('.dockerignore', 'utf8').split('\n')
    const secrets = readFileSync('.gitignore', 'utf8')
      .split('\n')
      .filter((line) => /env|age|key|password/.test(line) && !line.startsWith('#'))
    expect(secrets.filter((line) => !['coverage/'].includes(line) && !ignored.includes(line))).toEqual([])
    for (const source of of('COPY')
      .flatMap((line) => line.split(' ').slice(0, -1))
      .filter((word) => !word.startsWith('--') && !word.startsWith('/'))) {
      expect(existsSync(source), source).toBe(true)
    }
  })
})

test('the workflow builds what it signs, by the digest', () => {
  const step = v.looseObject({
    id: v.optional(v.string()),
    uses: v.optional(v.string()),
    run: v.optional(v.string()),
    env: v.optional(v.record(v.string(), v.string())),
  })
  const schema = v.object({ jobs: v.object({ image: v.object({ permissions: v.record(v.string(), v.string()), steps: v.array(step) }) }) })
  const { image } = v.parse(schema, parse(readFileSync('.github/workflows/image.yaml', 'utf8'))).jobs
  expect(image.permissions).toEqual({ contents: 'read', packages: 'write', 'id-token': 'write' })
  const sign = image.steps.at(-1)
  expect(sign?.run).toBe('cosign sign --yes "$IMAGE@$DIGEST"')
  expect(sign?.env).toEqual({ DIGEST: '${{ steps.build.outputs.digest }}' })
  expect(image.steps.find(({ id }) => id === 'build')?.uses).toMatch(/^docker\/build-push-action@v\d+$/)
})
