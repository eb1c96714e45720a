import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { LineCounter, parseAllDocuments } from 'yaml'
import type { FluxCrd } from '../../../flux/crds.ts'
import { parseVersion } from '../../../base/version.ts'
import { blocks, type Finding, notice } from '../../../preflight/preflight.ts'

/** An object in Git that is written in an API version which goes away. */
export interface OldInGit {
  /** `FILE:LINE`, from the top of the repository. */
  readonly place: string
  readonly kind: string
  readonly apiVersion: string
}

/** What the files of a checkout have of the API versions that go away, and those that could not be read. */
export interface OldApisInGit {
  readonly found: readonly OldInGit[]
  readonly unread: readonly string[]
}

const objectSchema = v.object({ apiVersion: v.string(), kind: v.string() })

/** Finds, with file and line, each object of the tree that is written in an API version which goes away. */
export async function oldApisInGit(
  checkout: string,
  crds: readonly FluxCrd[],
  removedVersions: ReadonlySet<string>,
): Promise<OldApisInGit> {
  if (removedVersions.size === 0) return { found: [], unread: [] }
  const names = await readdir(join(checkout, 'kubernetes'), { recursive: true })
  const files = names.filter((name) => /\.ya?ml$/.test(name)).sort()
  const read = await Promise.all(
    files.map(async (name): Promise<OldApisInGit> => {
      const file = `kubernetes/${name}`
      const text = await readFile(join(checkout, file), 'utf8')
      return crds.some(({ group }) => text.includes(`${group}/`))
        ? oldApisInFile(file, text, crds, removedVersions)
        : { found: [], unread: [] }
    }),
  )
  return { found: read.flatMap(({ found }) => found), unread: read.flatMap(({ unread }) => unread) }
}

function oldApisInFile(file: string, text: string, crds: readonly FluxCrd[], removedVersions: ReadonlySet<string>): OldApisInGit {
  const lineCounter = new LineCounter()
  const documents = [...parseAllDocuments(text, { lineCounter, logLevel: 'silent' })]
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

/** What Git still says in API versions that go away: once they have, none of it can be applied. */
export function checkGitApis({ found, unread }: OldApisInGit, flux: string, isForced: boolean): Finding[] {
  const minor = parseVersion(flux)
  const shown = found.map(({ place, kind, apiVersion }) => `\n     ${place}: ${kind} in ${apiVersion}`)
  const migrate = `flux migrate --path kubernetes --version ${minor?.major}.${minor?.minor}`
  const what = `Git has objects in API versions that Flux ${flux} does not have, so that it could not apply them:${shown.join('')}`
  const remedy = `in a checkout, with the flux CLI of ${flux}: ${migrate}; look at git diff, commit, push, and run again; or, if nothing follows them: --force`
  return [
    ...(found.length === 0 ? [] : [isForced ? notice(what) : blocks(what, remedy)]),
    ...unread.map((file) => notice(`whether ${file} uses API versions that go away is not known: it cannot be parsed as plain YAML`)),
  ]
}
