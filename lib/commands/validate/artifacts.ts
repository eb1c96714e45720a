import { posix } from 'node:path'
import { apiGroups, isOfGroup } from '../../flux/api-groups.ts'
import { fluxKinds } from '../../flux/kinds.ts'
import { listAt, textAt } from './at.ts'
import type { Source } from './source.ts'

/** Whether a Kustomization's source is one that source-watcher makes of others. */
export function isSourceOfArtifacts(kind: string): boolean {
  return kind === fluxKinds.externalArtifact.kind
}

/**
 * The folders of the repository that the paths of an artifact are, by the artifact's name: an ArtifactGenerator copies them there
 * (`from: "@alias/apps/base/**"`, `to: "@artifact/base/"`). Only what it takes from the repository itself can be followed.
 */
export function artifactsOf(
  documents: readonly Source[],
  isOwn: (kind: string, name: string) => boolean,
): Map<string, (path: string) => string | undefined> {
  const found = new Map<string, (path: string) => string | undefined>()
  for (const { value } of documents.filter(isGenerator)) {
    const aliases = listAt(value, 'spec', 'sources')
      .filter((source) => isOwn(textAt(source, 'kind'), textAt(source, 'name')))
      .map((source) => textAt(source, 'alias'))
    for (const artifact of listAt(value, 'spec', 'artifacts')) {
      const copies = listAt(artifact, 'copy').flatMap((copy) => copyOf(textAt(copy, 'from'), textAt(copy, 'to'), aliases))
      if (copies.length > 0) found.set(textAt(artifact, 'name'), (path) => sourceOf(path, copies))
    }
  }
  return found
}

/** The names of the artifacts that a document makes. */
export function artifactNames(object: unknown): string[] {
  return isGenerator({ value: object }) ? listAt(object, 'spec', 'artifacts').map((artifact) => textAt(artifact, 'name')) : []
}

function isGenerator({ value }: Pick<Source, 'value'>): boolean {
  return isOfGroup({ apiVersion: textAt(value, 'apiVersion') }, apiGroups.sourceExtensions) && textAt(value, 'kind') === 'ArtifactGenerator'
}

interface Copy {
  readonly from: string
  readonly to: string
}

/** A copy of a folder as a whole; any other is left out. */
function copyOf(from: string, to: string, aliases: readonly string[]): Copy[] {
  const [, alias = '', folder = ''] = /^@([^/]+)\/(.*?)\/?\*\*$/.exec(from) ?? []
  if (!aliases.includes(alias) || !to.startsWith('@artifact')) return []
  return [{ from: posix.normalize(`./${folder}`), to: posix.normalize(`./${to.slice('@artifact'.length)}`).replace(/\/$/, '') }]
}

/** Where a path of the artifact comes from. */
function sourceOf(path: string, copies: readonly Copy[]): string | undefined {
  const wanted = posix.normalize(`./${path}`).replace(/\/$/, '')
  const fitting = copies.filter(({ to }) => to === '.' || wanted === to || wanted.startsWith(`${to}/`))
  const [copy] = fitting.toSorted((one, other) => other.to.length - one.to.length)
  return copy === undefined ? undefined : posix.join(copy.from, copy.to === '.' ? wanted : wanted.slice(copy.to.length))
}
