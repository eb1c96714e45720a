import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import * as v from 'valibot'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { bootstrappedLab, documentOf, type Ended, type TestLab } from './harness.ts'

// The same health check by both ways to the API: straight there, and by kubectl's proxy.
let lab: TestLab
let folder: string
let config: v.InferOutput<typeof configSchema>

const configSchema = v.looseObject({
  users: v.array(v.object({ name: v.string(), user: v.object({ token: v.string() }) })),
})

beforeAll(async () => {
  lab = await bootstrappedLab()
  folder = mkdtempSync(join(tmpdir(), 'frb-ways-'))
  config = v.parse(configSchema, parse(readFileSync((await lab.access()).kubeconfig, 'utf8')))
})
afterAll(async () => {
  rmSync(folder, { recursive: true })
  await lab.close()
})

/** Writes an executable that notes that it was called, and returns the file of its notes. */
function program(name: string, script: string): { readonly path: string; readonly calls: string } {
  const [path, calls] = [join(folder, name), join(folder, `${name}.calls`)]
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, `#!/bin/sh\necho "$@" >>'${calls}'\n${script}\n`, { mode: 0o755 })
  return { path, calls }
}

/** A health check with the kubeconfig whose users are these, as a person runs it on their own cluster. */
async function checkHealth(user: (token: string) => object, path: readonly string[]): Promise<Ended> {
  const { bin, git } = await lab.access()
  const file = join(folder, 'config')
  const users = config.users.map(({ name, user: { token } }) => ({ name, user: user(token) }))
  writeFileSync(file, JSON.stringify({ ...config, users }), { mode: 0o600 })
  const env = {
    PATH: [...path, bin, process.env.PATH].join(delimiter),
    GIT_USERNAME: git.username,
    GIT_PASSWORD: git.password,
    GIT_ORIGIN: new URL(git.url).origin,
    HOME: folder,
  }
  return lab.run('health-check', ['--context', 'lab-infra', '--cluster', 'infra', '--kubeconfig', file, '--json'], env)
}

const probesSchema = v.object({ probes: v.array(v.object({ id: v.string(), state: v.string(), detail: v.string() })) })

/** What was found, in the words of each probe; which of them have trouble with Git's address is the same by both ways. */
function probesOf(ended: Ended): v.InferOutput<typeof probesSchema>['probes'] {
  return v.parse(probesSchema, documentOf(ended)).probes
}

test('a static kubeconfig takes no kubectl, a login program takes its proxy, and both find the same', async () => {
  const failing = program('failing/kubectl', 'echo "this kubectl fails" >&2; exit 1')
  const checkStraight = (): Promise<Ended> => checkHealth((token) => ({ token }), [join(folder, 'failing')])
  const straight = await checkStraight()
  expect(straight).toMatchObject({ code: 0 })
  expect(existsSync(failing.calls)).toBe(false)
  // A stand-in for aws, gcloud and the like, which speaks their protocol with kubectl.
  const credential = (token: string): string =>
    JSON.stringify({ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: { token } })
  const login = program('login', `cat '${join(folder, 'credential')}'`)
  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: login.path, interactiveMode: 'Never' }
  const checkProxied = (): Promise<Ended> =>
    checkHealth((token) => {
      writeFileSync(join(folder, 'credential'), credential(token))
      return { exec }
    }, [])
  const proxied = await checkProxied()
  expect(proxied).toMatchObject({ code: 0 })
  expect(existsSync(login.calls)).toBe(true)
  // Flux reconciles its own objects every minute, and may do so between the two.
  const both = async (): Promise<unknown[]> => [probesOf(await checkStraight()), probesOf(await checkProxied())]
  await expect.poll(both, { timeout: 120_000 }).toSatisfy(([one, other]: unknown[]) => isDeepStrictEqual(one, other))
  for (const { stdout, stderr } of [straight, proxied])
    for (const { user } of config.users) expect(stdout + stderr).not.toContain(user.token)
})
