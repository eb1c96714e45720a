import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { projectRoot } from '../../../lib/base/paths.ts'
import { begin, type Desk } from './desk.ts'
import type { Beginning } from './page.ts'

// What happens to the clusters before a line is pasted, or while it runs.

type Event = (desk: Desk) => Promise<void>

/** The lab returns to how a page may begin. */
export const back =
  (to: Beginning): Event =>
  ({ lab }) =>
    begin(lab, to)

/** A person types these, one after the other, and each succeeds. */
export const typing =
  (...commands: readonly string[]): Event =>
  async (desk) => {
    for (const command of commands) await desk.done(command)
  }

/** Several of these, in their order. */
export const both =
  (...events: readonly Event[]): Event =>
  async (desk) => {
    for (const event of events) await event(desk)
  }

const inNamespace = 'kubectl --context infra --namespace flux-system'
export const controllersDeleted = typing(`${inNamespace} delete deployments --selector app.kubernetes.io/part-of=flux`)
/** In one request: what is left of them for a moment recreates the rest. */
export const allDeploymentsDeleted = typing(`${inNamespace} delete deployments --all`)
export const operatorDeleted = typing(`${inNamespace} delete deployment flux-operator`)
export const accountDeleted = typing(`${inNamespace} delete serviceaccount source-controller`)
export const namespaceGoing = typing('kubectl --context infra delete namespace flux-system --wait=false')

/** The namespace, and the login for Git in it: the first step by hand. */
export const namespaceWithLogin: Event = async (desk) => {
  const { git } = await desk.lab.access()
  const login = `--from-literal=username=${git.username} --from-literal=password=${git.password}`
  await typing('kubectl --context infra create namespace flux-system', `${inNamespace} create secret generic flux-git ${login}`)(desk)
}

/** A colleague merges what was proposed, once it is there. */
export const merging =
  (branch: string): Event =>
  async ({ lab }) => {
    const git = (...args: string[]): string =>
      execFileSync('git', ['-C', join(lab.home, 'git', 'fleet.git'), ...args], { encoding: 'utf8', stdio: 'pipe' }).trim()
    const proposed = (): string => git('for-each-ref', '--format=%(objectname)', `refs/heads/${branch}`)
    await expect.poll(proposed, { timeout: 600_000 }).not.toBe('')
    git('update-ref', 'refs/heads/main', proposed())
  }

/** Starts a command and stops it where it says this: a run that can be resumed. */
export const stopped =
  (command: string, at: RegExp): Event =>
  async (desk) => {
    const { code, screen } = await desk.paste(command, at)
    expect(code, screen).toBe(130)
  }

/** An `age` for who has none: what the scripts decrypt with, called as age is. */
export const ageAtHand: Event = async ({ home }) => {
  const library = join(projectRoot, 'node_modules/age-encryption/dist/index.js')
  const program = `#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { Decrypter } from ${JSON.stringify(library)}
const [, , , , identity, file] = process.argv
const decrypter = new Decrypter()
decrypter.addIdentity(readFileSync(identity, 'utf8').trim())
process.stdout.write(await decrypter.decrypt(readFileSync(file)))
`
  writeFileSync(join(home, 'npm', 'bin', 'age'), program, { mode: 0o755 })
}
