import * as v from 'valibot'
import { OperatorError } from '../base/errors.ts'
import { complaintOf, shell } from '../process/command.ts'
import { childEnvironment } from '../process/environment.ts'

const versionSchema = v.pipe(v.string(), v.parseJson(), v.object({ flux: v.string() }))

/** The version of a flux CLI, without `v`; undefined where there is none, or it does not tell. */
export async function fluxCliVersion(flux: string | undefined, signal: AbortSignal): Promise<string | undefined> {
  if (flux === undefined) return undefined
  const asked = await shell(childEnvironment(), { signal })`${flux} version --client -o json`.nothrow()
  const said = v.safeParse(versionSchema, asked.stdout)
  return said.success ? said.output.flux.replace(/^v/, '') : undefined
}

/**
 * The manifests of Flux itself in a version: a flux CLI has those of its own version inside.
 * @param file what they are made for, which errors name
 * @param args as `install --export …`
 * @throws OperatorError `blocked` where the CLI is of another version
 */
export async function exportManifests(
  flux: string | undefined,
  { file, args, version }: { readonly file: string; readonly args: readonly string[]; readonly version: string },
  signal: AbortSignal,
): Promise<string> {
  const has = await fluxCliVersion(flux, signal)
  if (flux === undefined || has !== version) {
    const there = flux === undefined ? 'there is none on PATH' : `the one on PATH is ${has ?? 'of an unknown version'}`
    throw new OperatorError(`${file} is made by the flux CLI of ${version}, and ${there}`, {
      kind: 'blocked',
      remedy: `install it: https://github.com/fluxcd/flux2/releases/tag/v${version}; then run again`,
    })
  }
  const made = await shell(childEnvironment(), { signal })`${flux} ${args}`.nothrow()
  if (made.exitCode === 0) return made.stdout
  throw new OperatorError(`${file} cannot be made by the flux CLI: ${complaintOf(made)}`, {
    kind: 'blocked',
    remedy: [flux, ...args].join(' '),
  })
}
