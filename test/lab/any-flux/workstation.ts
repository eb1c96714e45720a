import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { parse, stringify } from 'yaml'
import * as v from 'valibot'
import { layoutOf } from '../../../lab/layout.ts'
import { registryLoginVariables } from '../../../lab/registry-login.ts'
import { copyCheckout, type Ended, script, type TestLab } from '../harness.ts'

/** What a person has on the machine that the scripts are called on. */
export interface WorkstationOptions {
  /** What the kubeconfig calls the cluster. */
  readonly context: string
  /** Whether home, checkout and kubeconfig are in folders with spaces in their names. */
  readonly hasSpaces: boolean
  /** How many files the kubeconfig is made of: clusters, users and contexts may each have their own. */
  readonly kubeconfigs: 1 | 3
}

/** A person's machine: a home of its own, and a checkout that has no folder for any cluster. */
export interface Workstation {
  readonly context: string
  readonly home: string
  readonly checkout: string
  /** Whom captures are encrypted for; the identity is in the settings. */
  readonly recipient: string
  /** Runs a script of the checkout. */
  readonly call: (name: string, ...args: readonly string[]) => Promise<Ended>
  /** Runs one on the context. */
  readonly run: (name: string, ...args: readonly string[]) => Promise<Ended>
  /** What the person types at a shell. */
  readonly type: (command: string) => Promise<string>
  readonly remove: () => void
}

/** As EKS calls a cluster, in the folders of a person who likes spaces, with a kubeconfig of three files. */
export const unusualWorkstation: WorkstationOptions = {
  context: 'arn:aws:eks:eu-west-1:123:cluster/prod',
  hasSpaces: true,
  kubeconfigs: 3,
}

/** Sets up such a machine, whose context is the lab's cluster infra. */
export async function openWorkstation(lab: TestLab, { context, hasSpaces, kubeconfigs }: WorkstationOptions): Promise<Workstation> {
  const { bin, kubeconfig, git } = await lab.access()
  const home = mkdtempSync(join(tmpdir(), hasSpaces ? 'frb any flux ' : 'frb-any-flux-'))
  const [checkoutName, kubeName] = hasSpaces ? ['check out', 'kube config'] : ['checkout', 'kube']
  const checkout = join(home, checkoutName)
  mkdirSync(checkout)
  copyCheckout(checkout)
  rmSync(join(checkout, 'kubernetes', 'clusters'), { recursive: true })
  mkdirSync(join(checkout, 'kubernetes', 'clusters'))
  const kube = join(home, kubeName)
  mkdirSync(kube)
  const identity = await generateX25519Identity()
  const key = join(home, 'key.txt')
  writeFileSync(key, `${identity}\n`, { mode: 0o600 })
  const env = {
    PATH: [bin, process.env.PATH].join(delimiter),
    HOME: home,
    XDG_STATE_HOME: join(home, 'state'),
    KUBECONFIG: writeKubeconfigs(kube, readFileSync(kubeconfig, 'utf8').replaceAll('lab-infra', context), kubeconfigs).join(delimiter),
    CAPTURE_IDENTITY_FILE: key,
    GIT_USERNAME: git.username,
    GIT_PASSWORD: git.password,
    GIT_ORIGIN: new URL(git.url).origin,
    ...registryLoginVariables(layoutOf(lab.home)),
  }
  const call: Workstation['call'] = (name, ...args) => script(name, args, { home: lab.home, cwd: checkout, env })
  return {
    context,
    home,
    checkout,
    recipient: await identityToRecipient(identity),
    call,
    run: (name, ...args) => call(name, '--context', context, ...args),
    type: async (command) => (await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', command], { cwd: checkout, env })).stdout,
    remove: () => rmSync(home, { recursive: true, force: true }),
  }
}

const kubeconfigSchema = v.looseObject({
  clusters: v.array(v.unknown()),
  users: v.array(v.unknown()),
  contexts: v.array(v.unknown()),
})

function writeKubeconfigs(folder: string, text: string, count: 1 | 3): string[] {
  const write = (name: string, content: string): string => {
    const file = join(folder, name)
    writeFileSync(file, content, { mode: 0o600 })
    return file
  }
  if (count === 1) return [write('config', text)]
  const { clusters, users, contexts } = v.parse(kubeconfigSchema, parse(text))
  const head = { apiVersion: 'v1', kind: 'Config' }
  return Object.entries({ contexts: { contexts }, users: { users }, clusters: { clusters } }).map(([name, part]) =>
    write(`${name}.yaml`, stringify({ ...head, ...part })),
  )
}
