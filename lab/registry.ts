import { execFile } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { request } from 'undici'
import * as v from 'valibot'
import { messageOf, OperatorError } from '../lib/base/errors.ts'
import { pushStandIns, readRehearsal } from './rehearsal/record.ts'
import type { Layout } from './layout.ts'
import { gitUsername } from './repository.ts'
import { registryLoginVariables, writeRegistryLogin } from './registry-login.ts'
import { packageCharts } from './charts.ts'
import { type Keeping, type KeptProcess, keepRunning } from './supervised-process.ts'
import type { Ports } from './ports.ts'
import type { TcpProxy } from './tcp-proxy.ts'

/** What the lab's registry is filled with, and by which programs. */
export interface Contents {
  readonly helm: string
  readonly flux: string
  /** The folder `config` of the flux-operator module, and its version without `v`. */
  readonly operatorConfig: string
  readonly operatorVersion: string
}

export interface RegistryOptions {
  readonly executable: string
  readonly layout: Layout
  /** Of the lab's Git, which pushing takes. */
  readonly password: string
  readonly contents: Contents
  readonly keeping: Keeping
  readonly proxy: TcpProxy
  readonly ports: Ports
}

export interface Registry {
  readonly process: KeptProcess
  /** Where it listens itself, behind the proxy. */
  readonly port: number
  /** Resolves when it has what it should have. */
  readonly filled: () => Promise<void>
}

/** Starts the OCI registry and fills it. It keeps things in memory, so it is filled again whenever it had to be started again. */
export async function startRegistry(options: RegistryOptions): Promise<Registry> {
  const { executable, layout, password, keeping, proxy } = options
  const log = join(layout.logs, 'registry.log')
  const port = await options.ports.free('registry behind its proxy')
  const address = `127.0.0.1:${port}`
  writeRegistryLogin(layout, password, [address, `127.0.0.1:${proxy.port}`])
  let filling = Promise.resolve()
  const command = [executable, 'registry', address, gitUsername, layout.gitPassword]
  const process = keepRunning({ name: 'registry', command, log }, keeping, () => {
    filling = fill(address, options)
    filling.catch((error: unknown) => keeping.report(messageOf(error)))
  })
  proxy.setTarget(port)
  const filled = (): Promise<void> =>
    filling.catch(() => {
      filling = fill(address, options)
      return filling
    })
  return { process, port, filled }
}

/**
 * Pushes the lab's two charts and the distribution artifact, whose layout is the operator's own image's: `flux/VERSION`, `flux-images`.
 * The same input gets the same digests.
 */
async function fill(address: string, { contents, layout, password, keeping }: RegistryOptions): Promise<void> {
  const { helm, flux, operatorConfig, operatorVersion } = contents
  const run = async (what: string, file: string, args: readonly string[]): Promise<void> => {
    // The clusters are starting at the same time, and people wait for those.
    await promisify(execFile)('nice', ['-n', '10', file, ...args], {
      env: { ...keeping.env, ...registryLoginVariables(layout) },
      cwd: keeping.cwd,
    }).catch((error: unknown) => {
      throw new OperatorError(`${what} cannot be pushed to the lab's registry: ${messageOf(error)}`, {
        remedy: 'npx zx scripts/lab.ts logs registry',
        cause: error,
      })
    })
  }
  const folder = join(layout.temporary, 'charts')
  const pushCharts = async (): Promise<void> => {
    mkdirSync(folder, { recursive: true })
    const names = ['flux-operator', 'flux-instance'].map((name) => join(folder, `${name}-${operatorVersion}.tgz`))
    if (!names.every((name) => existsSync(name))) await packageCharts({ operatorConfig, version: operatorVersion, target: folder, helm })
    for (const name of names) await run(`the chart ${name}`, helm, ['push', '--plain-http', name, `oci://${address}/charts`])
  }
  const pushManifests = async (): Promise<void> => {
    const artifact = `oci://${address}/flux-operator-manifests:v${operatorVersion}`
    const source = 'https://github.com/controlplaneio-fluxcd/flux-operator'
    const flags = [`--path=${join(operatorConfig, 'data')}`, `--source=${source}`, `--revision=v${operatorVersion}`, '--reproducible']
    await run(artifact, flux, ['push', 'artifact', artifact, ...flags, '--insecure-registry'])
  }
  await untilListening(address)
  await pushCharts()
  await pushManifests()
  await pushStandIns({ address, password }, readRehearsal(layout)?.artifacts ?? [])
}

async function untilListening(address: string): Promise<void> {
  for (const deadline = Date.now() + 10_000; ; await pause(20)) {
    try {
      await (await request(`http://${address}/v2/`)).body.dump()
      return
    } catch (error) {
      if (Date.now() > deadline) throw error
    }
  }
}

const catalogSchema = v.object({ repositories: v.nullish(v.array(v.string()), []) })
const tagsSchema = v.object({ tags: v.nullish(v.array(v.string()), []) })

/** What the registry has, such as `charts/flux-operator:0.59.0`; undefined while it does not answer. */
export async function listRegistry(port: number): Promise<string[] | undefined> {
  const read = async (path: string): Promise<unknown> => (await request(`http://127.0.0.1:${port}/v2/${path}`)).body.json()
  try {
    const { repositories } = v.parse(catalogSchema, await read('_catalog'))
    const lists = (repositories ?? []).map(async (name) => {
      const { tags } = v.parse(tagsSchema, await read(`${name}/tags/list`))
      return (tags ?? []).map((tag) => `${name}:${tag}`)
    })
    return (await Promise.all(lists)).flat().sort()
  } catch {
    return undefined
  }
}
