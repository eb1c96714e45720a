import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { shellQuote } from '../../lib/base/shell-line.ts'
import type { PulumiPrograms } from '../build/executables.ts'
import type { Layout } from '../layout.ts'

const languageHost = fileURLToPath(new URL('language-host.mjs', import.meta.url))

/** Pulumi in a lab: its programs for PATH, and what it needs to know, all below the lab's home. */
interface PulumiPlaces {
  /** Holds pulumi and pulumi-language-nodejs. */
  readonly bin: string
  /** With the provider among its plugins: Pulumi downloads none. */
  readonly home: string
  /** The folder of the file backend. */
  readonly state: string
  readonly passphrase: string
}

function placesOf({ pulumi }: Layout): PulumiPlaces {
  const at = (name: string): string => join(pulumi, name)
  return { bin: at('bin'), home: at('home'), state: at('state'), passphrase: at('passphrase') }
}

/** Puts Pulumi's programs where the engine looks for them, and makes the file backend and its passphrase where there are none. */
export function placePulumi(layout: Layout, programs: PulumiPrograms): void {
  const { bin, home, state, passphrase } = placesOf(layout)
  const plugin = join(home, 'plugins', `resource-kubernetes-v${programs.providerVersion}`)
  for (const folder of [bin, plugin, state]) mkdirSync(folder, { recursive: true, mode: 0o700 })
  link(programs.engine, join(bin, 'pulumi'))
  link(programs.provider, join(plugin, 'pulumi-resource-kubernetes'))
  const host = join(bin, 'pulumi-language-nodejs')
  writeFileSync(host, `#!/bin/sh\nexec ${shellQuote(process.execPath)} ${shellQuote(languageHost)} "$@"\n`)
  chmodSync(host, 0o755)
  if (!existsSync(passphrase)) writeFileSync(passphrase, randomBytes(24).toString('hex'), { mode: 0o600 })
}

function link(target: string, path: string): void {
  rmSync(path, { force: true })
  symlinkSync(target, path)
}

/** What a shell, and the scripts, need to use the lab's Pulumi; undefined where the lab has none. */
export function pulumiVariables(
  layout: Layout,
): { readonly bin: string; readonly variables: Readonly<Record<string, string>> } | undefined {
  const { bin, home, state, passphrase } = placesOf(layout)
  if (!existsSync(passphrase)) return undefined
  return {
    bin,
    variables: {
      PULUMI_HOME: home,
      PULUMI_BACKEND_URL: `file://${state}`,
      PULUMI_CONFIG_PASSPHRASE_FILE: passphrase,
      PULUMI_SKIP_UPDATE_CHECK: 'true',
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: 'true',
    },
  }
}

/** The versions of engine and provider, as `lab up` and `lab build` tell them. */
export function describePulumi({ engine, provider, providerVersion }: PulumiPrograms): string {
  return `Pulumi's engine is ${engine}, its provider for Kubernetes (called ${providerVersion}) ${provider}`
}
