import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { complaintOf, isInstalled, shell } from './command.ts'
import { childEnvironment, kubectlEnvironment } from './environment.ts'
import { OperatorError } from './errors.ts'
import type { Session } from './session.ts'
import { expand, type Settings } from './settings.ts'

/** What a preview would do, by Pulumi's own names: create, update, replace, delete, same, … */
export type Changes = Readonly<Record<string, number>>

/** One stack of a Pulumi project, reached through Pulumi's command line on one cluster. */
export interface Stack {
  readonly name: string
  readonly folder: string
  /** Which configuration keys are set, and whether each is encrypted. Values are not read. */
  readonly readConfig: () => Promise<Readonly<Record<string, { readonly isSecret: boolean }>>>
  /** Builds the project where a command for that is configured. */
  readonly build: () => Promise<void>
  /** What `pulumi up` would change, as people read it. */
  readonly showDiff: () => Promise<string>
  readonly preview: () => Promise<Changes>
  /** Carries it out, and tells each line that Pulumi says. */
  readonly up: (tell: (line: string) => void) => Promise<void>
}

/** Variables that are Pulumi's own: no other program of a run gets them. */
const pulumiVariables = ['PULUMI_ACCESS_TOKEN', 'PULUMI_CONFIG_PASSPHRASE', 'PULUMI_CONFIG_PASSPHRASE_FILE', 'PULUMI_BACKEND_URL'] as const

const configSchema = v.pipe(v.string(), v.parseJson(), v.record(v.string(), v.object({ secret: v.boolean() })))
const previewSchema = v.pipe(v.string(), v.parseJson(), v.object({ changeSummary: v.optional(v.record(v.string(), v.number()), {}) }))

/**
 * The stack that the settings name. Its programs see one kubeconfig with one context in it: they can reach no other cluster by mistake.
 * @throws OperatorError `usage` where no stack is named, `blocked` where pulumi is not installed
 */
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
  const folder = expand(directory)
  const kubeconfig = join(own, 'pulumi-kubeconfig')
  const { stdout: config } = await shell(access.env)`${access.kubectl} config view --minify --flatten --raw --context=${access.context}`
  await writeFile(kubeconfig, config, { mode: 0o600 })

  const ownVariables = pulumiVariables.flatMap((variable) => (settings[variable] === undefined ? [] : [[variable, settings[variable]]]))
  const env = kubectlEnvironment({
    ...Object.fromEntries(ownVariables),
    KUBECONFIG: kubeconfig,
    PULUMI_SKIP_UPDATE_CHECK: 'true',
  })
  const { signal } = cluster
  const $ = shell(env, { cwd: folder, signal })
  const common = ['--stack', name, '--non-interactive', '--color', 'never']
  const failed = (command: string) => (error: unknown) => {
    signal.throwIfAborted()
    throw new OperatorError(`pulumi ${command} failed in ${folder}: ${complaintOf(error)}`, {
      remedy: `cd ${folder} && pulumi ${command} --stack ${name}`,
    })
  }
  return {
    name,
    folder,
    async readConfig() {
      const { stdout } = await $`pulumi config --stack ${name} --json --non-interactive`.catch(failed('config'))
      return Object.fromEntries(Object.entries(v.parse(configSchema, stdout)).map(([key, { secret }]) => [key, { isSecret: secret }]))
    },
    async build() {
      if (buildCommand === undefined) return
      await shell(childEnvironment(), { cwd: folder, signal })`bash -c ${buildCommand}`.catch((error: unknown) => {
        signal.throwIfAborted()
        const remedy = `cd ${folder} && ${buildCommand}`
        throw new OperatorError(`the build that PULUMI_BUILD names failed: ${complaintOf(error)}`, { kind: 'blocked', remedy })
      })
    },
    async showDiff() {
      return (await $`pulumi preview --diff --refresh ${common}`.catch(failed('preview'))).stdout
    },
    async preview() {
      const { stdout } = await $`pulumi preview --json --refresh ${common}`.catch(failed('preview'))
      return v.parse(previewSchema, stdout).changeSummary
    },
    async up(tell) {
      const going = $`pulumi up --refresh --yes --skip-preview ${common}`
      going.stdout.on('data', (chunk: Buffer) => {
        const line = chunk.toString().trim().split('\n').at(-1) ?? ''
        if (line !== '') tell(line)
      })
      await going.catch(failed('up'))
    },
  }
}
