import { readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import * as v from 'valibot'
import { ProcessOutput } from 'zx/core'
import { complaintOf, shell } from '../../process/command.ts'
import { isInstalled } from '../../process/installed-programs.ts'
import { childEnvironment } from '../../process/environment.ts'
import { OperatorError } from '../../base/errors.ts'
import { printable, shellQuote } from '../../base/shell-line.ts'
import type { Session } from '../../connection/session.ts'
import { type Settings } from '../../connection/settings.ts'
import { yamlDocuments, yamlValue } from '../../base/yaml.ts'
import { expandHome } from '../../base/paths.ts'
import { type PulumiLockHolder, holdersIn, readLocks, stateFile } from './pulumi-locks.ts'
import { parsePreview, parseState, type Preview, type StackState } from './pulumi-output.ts'

/** One stack of a Pulumi project, reached through Pulumi's command line on one cluster. */
export interface Stack {
  readonly name: string
  readonly folder: string
  /** A command line of Pulumi's for this stack, as a person types it. */
  readonly typed: (words: string) => string
  /** Which configuration keys are set, whether each is encrypted, and the values of those that are not. */
  readonly readConfig: () => Promise<StackConfig>
  readonly setConfig: (key: string, value: string) => Promise<void>
  readonly readState: () => Promise<StackState>
  /** The whole state, as Pulumi exports it: secrets in it are encrypted. */
  readonly exportState: () => Promise<string>
  /** Takes resources with all below them out of the state. What they stand for stays as it is. */
  readonly forget: (urns: readonly string[]) => Promise<void>
  /** Who holds the stack's lock, where its backend is a folder; no other tells before it is asked for the lock. */
  readonly readLocks: () => Promise<readonly PulumiLockHolder[]>
  /** Builds the project where a command for that is configured. */
  readonly build: () => Promise<void>
  /** What `pulumi up` would change, in full, as people read it. */
  readonly showDiff: () => Promise<string>
  readonly preview: () => Promise<Preview>
  /** The same stack, whose previews are of other values in its configuration: that stays as it is, and so does the person's file. */
  readonly planned: (values: Readonly<Record<string, string>>) => Stack
  /** Carries it out, and tells each line that Pulumi says; ends as by Ctrl-C in Pulumi's own terminal once `stop` aborts. */
  readonly up: (report: (line: string) => void, stop?: AbortSignal) => Promise<void>
  /** Removes the locks of processes that are gone, and the note of operations that they had begun. */
  readonly clearInterrupted: () => Promise<void>
}

/** What a stack's configuration has, by its keys. */
export type StackConfig = Readonly<Record<string, { readonly isSecret: boolean; readonly value?: string }>>

/** Variables that are Pulumi's own: no other program of a run gets them. */
const pulumiVariables = [
  'PULUMI_ACCESS_TOKEN',
  'PULUMI_CONFIG_PASSPHRASE',
  'PULUMI_CONFIG_PASSPHRASE_FILE',
  'PULUMI_BACKEND_URL',
  'PULUMI_HOME',
] as const

const configSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.record(v.string(), v.object({ secret: v.boolean(), value: v.exactOptional(v.string()) })),
)

/**
 * The stack that the settings name. Its programs see one kubeconfig with one context in it: they can reach no other cluster by mistake.
 * @throws OperatorError `usage` where no stack is named, `blocked` where pulumi is not installed
 */
// oxlint-disable-next-line max-lines-per-function -- one stack: its methods share its environment
export async function openStack({ access, folder: own, cluster }: Session, settings: Settings): Promise<Stack> {
  const { PULUMI_STACK: name, PULUMI_DIR: directory = 'pulumi', PULUMI_BUILD: buildCommand } = settings
  if (name === undefined) {
    throw new OperatorError('--via pulumi needs the name of a stack', { kind: 'usage', remedy: 'set PULUMI_STACK (.env.example)' })
  }
  if (!(await isInstalled('pulumi', childEnvironment()))) {
    throw new OperatorError('--via pulumi needs pulumi, which is not on PATH', {
      kind: 'blocked',
      remedy: 'install it: pulumi.com/docs/install',
    })
  }
  const folder = expandHome(directory)
  const kubeconfig = join(own(), 'pulumi-kubeconfig')
  const { stdout: config } = await shell(access.env)`${access.kubectl} config view --minify --flatten --raw --context=${access.context}`
  await writeFile(kubeconfig, config, { mode: 0o600 })

  const ownVariables = pulumiVariables.flatMap((variable) => (settings[variable] === undefined ? [] : [[variable, settings[variable]]]))
  const env = {
    ...access.env,
    ...Object.fromEntries(ownVariables),
    KUBECONFIG: kubeconfig,
    PULUMI_SKIP_UPDATE_CHECK: 'true',
  }
  const { signal } = cluster
  const $ = shell(env, { cwd: folder, signal })
  const common = ['--stack', name, '--non-interactive', '--color', 'never']
  const typed = (words: string): string => `cd ${shellQuote(folder)} && pulumi ${words} --stack ${shellQuote(name)}`
  const failed = (command: string, kind: 'blocked' | 'failed') => async (error: unknown) => {
    signal.throwIfAborted()
    const reason = reasonOf(error)
    // Seen of an engine that was killed while it wrote: the file is empty.
    const state = reason.includes('failed to load checkpoint') ? await stateFile(settings.PULUMI_BACKEND_URL, name, folder) : undefined
    const remedy =
      state === undefined
        ? typed(command)
        : `${printable(['cp', '--', `${state}.bak`, state])}   # the state before the last change: Pulumi was stopped while it wrote this one`
    throw new OperatorError(`pulumi ${command} failed in ${folder}: ${reason}`, { kind, remedy })
  }
  const showDiff = async (more: readonly string[] = []): Promise<string> =>
    (await $`pulumi preview --diff --refresh ${common} ${more}`.catch(failed('preview --refresh', 'blocked'))).stdout
  const preview = async (more: readonly string[] = []): Promise<Preview> =>
    parsePreview(
      (await $`pulumi preview --json --refresh ${common} --show-sames ${more}`.catch(failed('preview --refresh', 'blocked'))).stdout,
    )
  const exportState = async (): Promise<string> => (await $`pulumi stack export ${common}`.catch(failed('stack export', 'blocked'))).stdout
  const stack: Stack = {
    name,
    folder,
    typed,
    async readConfig() {
      const { stdout } = await $`pulumi config --stack ${name} --json --non-interactive`.catch(failed('config', 'blocked'))
      return Object.fromEntries(
        Object.entries(v.parse(configSchema, stdout)).map(([key, { secret, ...plain }]) => [key, { isSecret: secret, ...plain }]),
      )
    },
    async setConfig(key, value) {
      await $`pulumi config set ${key} ${value} --stack ${name} --non-interactive`.catch(failed(`config set ${key}`, 'failed'))
    },
    exportState,
    async readState() {
      return parseState(await exportState())
    },
    async forget(urns) {
      for (const urn of urns)
        await $`pulumi state delete ${urn} --target-dependents --yes ${common}`.catch(failed('state delete', 'failed'))
    },
    readLocks: () => readLocks(settings.PULUMI_BACKEND_URL, name, folder),
    async build() {
      if (buildCommand === undefined) return
      await shell(childEnvironment(), { cwd: folder, signal })`bash -c ${buildCommand}`.catch((error: unknown) => {
        signal.throwIfAborted()
        const remedy = `cd ${shellQuote(folder)} && ${buildCommand}`
        throw new OperatorError(`the build that PULUMI_BUILD names failed: ${complaintOf(error)}`, { kind: 'blocked', remedy })
      })
    },
    showDiff: () => showDiff(),
    preview: () => preview(),
    planned(values) {
      const withValues = async (): Promise<string[]> => {
        const file = join(own(), 'pulumi-config.yaml')
        await writeFile(file, await configWith(folder, name, values), { mode: 0o600 })
        return ['--config-file', file]
      }
      return { ...stack, showDiff: async () => showDiff(await withValues()), preview: async () => preview(await withValues()) }
    },
    async up(report, stop) {
      const stopping = stop === undefined ? signal : AbortSignal.any([signal, stop])
      stopping.throwIfAborted()
      // No signal of zx's own, which would end Pulumi's plugins before Pulumi, and leave the stack locked.
      const running = shell(env, { cwd: folder })`pulumi up --refresh --yes --skip-preview ${common}`
      const interrupt = (): void => interruptGroup(running.pid)
      stopping.addEventListener('abort', interrupt)
      running.stdout.on('data', (chunk: Buffer) => {
        const line = chunk
          .toString()
          .split('\n')
          .map((one) => one.trim())
          .findLast((one) => one !== '' && !/^(\.+|@ updating\.*)$/.test(one)) // no more than that it is at work
        if (line !== undefined) report(line)
      })
      await running.catch(failed('up --refresh', 'failed')).finally(() => stopping.removeEventListener('abort', interrupt))
    },
    async clearInterrupted() {
      const refresh = () => $`pulumi refresh --clear-pending-creates --yes --skip-preview ${common}`
      const first = await refresh().nothrow()
      if (first.ok) return
      const holders = holdersIn(first.stdout + first.stderr)
      if (holders.length === 0 || !holders.every(({ isGone }) => isGone)) await failed('refresh', 'failed')(first)
      await $`pulumi cancel --yes ${common}`.catch(failed('cancel', 'failed'))
      await refresh().catch(failed('refresh', 'failed'))
    },
  }
  return stack
}

/** As Ctrl-C does in a terminal: Pulumi's plugins are in groups of their own, and Pulumi ends them. */
function interruptGroup(leader: number | undefined): void {
  try {
    if (leader !== undefined) process.kill(-leader, 'SIGINT')
  } catch {
    // It has just ended by itself.
  }
}

const projectSchema = v.object({ stackConfigDir: v.optional(v.string(), '') })

/** The file in which Pulumi keeps a stack's configuration. */
export async function configFile(folder: string, stack: string): Promise<string> {
  const { stackConfigDir } = v.parse(projectSchema, yamlValue(await readFile(join(folder, 'Pulumi.yaml'), 'utf8')))
  return join(folder, stackConfigDir, `Pulumi.${basename(stack)}.yaml`)
}

/** The content of that file with other values. */
async function configWith(folder: string, stack: string, values: Readonly<Record<string, string>>): Promise<string> {
  const file = await configFile(folder, stack)
  const [document] = yamlDocuments(await readFile(file, 'utf8'))
  if (document === undefined) throw new Error(`${file} is empty`)
  for (const [key, value] of Object.entries(values)) document.setIn(['config', key], value)
  return document.toString()
}

/** What Pulumi says of its failure: on stdout, among all else. */
function reasonOf(error: unknown): string {
  if (!(error instanceof ProcessOutput)) return complaintOf(error)
  const lines = `${error.stdout}\n${error.stderr}`.split('\n').map((line) => line.trim())
  const reported = [...new Set(lines.filter((line) => /^error:|created by \S+@\S+ \(pid/.test(line)))]
  return reported.length === 0 ? complaintOf(error) : reported.slice(-4).join('\n')
}
