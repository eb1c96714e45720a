import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { ownImage } from '../../lab/node/own-image.ts'
import { projectRoot } from '../../lib/base/paths.ts'
import type { Ended, Running, TestLab } from './harness.ts'

/** A fleet whose clusters are worked on by Jobs on lab-infra. */
export interface JobFleet {
  /** FILE. */
  readonly file: string
  readonly run: (args: readonly string[]) => Promise<Ended>
  readonly start: (args: readonly string[]) => Running
  /** Puts the content into FILE, and runs `fleet COMMAND …` with it to its end. */
  readonly runFile: (args: readonly string[], content: string) => Promise<Ended>
  readonly startFile: (args: readonly string[], content: string) => Running
  /** What kubectl answers in the fleet's namespace. */
  readonly kubectl: (...args: readonly string[]) => Promise<string>
  /** A file on the fleet's volume. */
  readonly onVolume: (...path: readonly string[]) => string
  readonly remove: () => void
}

/** Words of every call that begins something. */
export const onInfra = ['--engine', 'kubernetes', '--on', 'lab-infra'] as const

const configSchema = v.looseObject({ contexts: v.array(v.looseObject({ name: v.string() })) })

/**
 * Makes lab-infra a management cluster: what an administrator applies, and a Secret for each cluster. Of these each has one context, which is
 * not named as FILE names it, as it is where another tool has made them.
 * @param settings variables of .env.example for the pods
 */
export async function jobFleetIn(
  lab: TestLab,
  clusters: readonly string[],
  settings: Readonly<Record<string, string>> = {},
): Promise<JobFleet> {
  const folder = mkdtempSync(join(tmpdir(), 'frb-jobs-'))
  const file = join(folder, 'fleet.yaml')
  const { bin, kubeconfig } = await lab.access()
  const { contexts, ...config } = v.parse(configSchema, JSON.parse(readFileSync(kubeconfig, 'utf8')))
  const secret = (name: string, stringData: Readonly<Record<string, string>>): object => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: 'flux-runbook' },
    stringData,
  })
  const secrets = clusters.map((name) => {
    const own = contexts.filter((one) => one.name === `lab-${name}`).map((one) => ({ ...one, name: 'admin' }))
    return secret(`${name}-kubeconfig`, { value: JSON.stringify({ ...config, contexts: own, 'current-context': 'admin' }) })
  })
  const manifest = join(folder, 'secrets.json')
  writeFileSync(
    manifest,
    JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [...secrets, secret('flux-runbook-settings', settings)] }),
  )
  await lab.kubectl('apply', '--filename', join(projectRoot, 'kubernetes/rbac/flux-runbook-fleet.yaml'), '--filename', manifest)
  const { image, tag } = ownImage()
  const env = {
    KUBECONFIG: kubeconfig,
    PATH: `${bin}:${process.env.PATH}`,
    XDG_STATE_HOME: join(folder, 'state'),
    FLEET_IMAGE: `${image}:${tag}`,
  }
  const withFile = (args: readonly string[], content: string): string[] => {
    writeFileSync(file, content)
    return [...args, '--fleet', file, ...onInfra]
  }
  return {
    file,
    run: (args) => lab.run('fleet', args, env),
    start: (args) => lab.start('fleet', args, env),
    runFile: (args, content) => lab.run('fleet', withFile(args, content), env),
    startFile: (args, content) => lab.start('fleet', withFile(args, content), env),
    kubectl: (...args) => lab.kubectl('--namespace', 'flux-runbook', ...args),
    onVolume: (...path) =>
      join(lab.home, 'clusters', 'infra', 'node', 'claims', 'flux-runbook', 'flux-runbook-fleet', 'flux-runbook', ...path),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
