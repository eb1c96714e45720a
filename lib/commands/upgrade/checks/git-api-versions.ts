import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { LineCounter } from 'yaml'
import { yamlDocuments } from '../../../base/yaml.ts'
import { foundWithin } from '../../../desired-state/found-within.ts'
import type { TextFile } from '../../../desired-state/version-places.ts'
import type { FluxCrd } from '../../../flux/crds.ts'
import { shellQuote } from '../../../base/shell-line.ts'
import { parseVersion } from '../../../base/version.ts'
import { blocks, type Finding, notice } from '../../../preflight/preflight.ts'

/** An object in Git that is written in an API version which goes away. */
export interface OldInGit {
  /** `FILE:LINE`, from the top of the repository. */
  readonly place: string
  readonly kind: string
  readonly apiVersion: string
}

/** What the files of a checkout have of the API versions that will be removed, and those that could not be read. */
export interface OldApisInGit {
  readonly found: readonly OldInGit[]
  readonly unread: readonly string[]
}

const objectSchema = v.object({ apiVersion: v.string(), kind: v.string() })

/** Finds, with file and line, each object of the files that is written in an API version which goes away. */
export function oldApisIn(files: readonly TextFile[], crds: readonly FluxCrd[], removedVersions: ReadonlySet<string>): OldApisInGit {
  if (removedVersions.size === 0) return { found: [], unread: [] }
  const concerned = files.filter(({ text }) => crds.some(({ group }) => text.includes(`${group}/`)))
  const read = concerned.map(({ file, text }) => oldApisInFile(file, text, crds, removedVersions))
  return { found: read.flatMap(({ found }) => found), unread: read.flatMap(({ unread }) => unread) }
}

/** The YAML files of a checkout, below a folder; without those that a link has outside of it. */
export async function readYaml(root: string, folder: string): Promise<TextFile[]> {
  const names = (await readdir(join(root, folder), { recursive: true })).filter((path) => /\.ya?ml$/.test(path)).sort()
  const read = names.map(async (name): Promise<TextFile[]> => {
    const file = join(folder, name)
    return (await foundWithin(root, file)) === 'file' ? [{ file, text: await readFile(join(root, file), 'utf8') }] : []
  })
  return (await Promise.all(read)).flat()
}

function oldApisInFile(file: string, text: string, crds: readonly FluxCrd[], removedVersions: ReadonlySet<string>): OldApisInGit {
  const lineCounter = new LineCounter()
  const documents = yamlDocuments(text, { lineCounter })
  if (documents.some(({ errors }) => errors.length > 0)) return { found: [], unread: [file] }
  const found = documents.flatMap((document): OldInGit[] => {
    const object = v.safeParse(objectSchema, document.toJS())
    if (!object.success) return []
    const { apiVersion, kind } = object.output
    const [group, version] = apiVersion.split('/')
    const crd = crds.find((one) => one.group === group && one.kind === kind)
    if (crd === undefined || !removedVersions.has(`${crd.name} ${version}`)) return []
    const at = document.range[0] + text.slice(document.range[0]).search(/^apiVersion:/m)
    return [{ place: `${file}:${lineCounter.linePos(at).line}`, kind, apiVersion }]
  })
  return { found, unread: [] }
}

/** What Git still says in API versions that will be removed: once they have, none of it can be applied. */
export function checkGitApis({ found, unread }: OldApisInGit, flux: string, isForced: boolean, folder = 'kubernetes'): Finding[] {
  const minor = parseVersion(flux)
  const shown = found.map(({ place, kind, apiVersion }) => `\n     ${place}: ${kind} in ${apiVersion}`)
  const migrate = `flux migrate --path ${shellQuote(folder)} --version ${minor?.major}.${minor?.minor}`
  const what = `Git has objects in API versions that Flux ${flux} does not have, so that it could not apply them:${shown.join('')}`
  const remedy = `in a checkout, with the flux CLI of ${flux}: ${migrate}; check git diff, commit, push, and run again; or, if nothing follows them: --force`
  return [
    ...(found.length === 0 ? [] : [isForced ? notice(what) : blocks(what, remedy)]),
    ...unread.map((file) =>
      notice(`whether ${file} uses API versions that will be removed is not known: it cannot be parsed as plain YAML`),
    ),
  ]
}
