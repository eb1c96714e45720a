import { readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { componentsFile } from '../../flux/bootstrap-files.ts'
import { kustomizationFiles } from '../../desired-state/kustomize-references.ts'
import { buildFolder } from '../../desired-state/tree.ts'
import { parseObjects } from '../../kubernetes/manifest.ts'
import type { KubeObject } from '../../kubernetes/objects.ts'
import type { Session } from '../../connection/session.ts'
import { OperatorError } from '../../base/errors.ts'
import { shellQuote } from '../../base/shell-line.ts'
import type { Remote } from '../../tools/git.ts'
import { inClone } from '../../tools/git-clone.ts'
import { locateVersion, type FoundPlace } from './find-place.ts'
import type { InstalledFlux } from '../../flux/installation.ts'
import type { LocatedFlux } from './locate.ts'
import { type RepositoryAccess, versionRepository } from './repository.ts'
import { nameAt } from './version-file.ts'

/** Where the head of a repository says the version. */
export interface PlaceInGit extends FoundPlace {
  readonly remote: Remote
  readonly commit: string
  /** What the version is called there. */
  readonly name: string
  /** Where Git has Flux's own manifests: what they come to now, of the version that runs, and of the one that is wanted. */
  readonly manifests: FluxManifests | undefined
}

/** Flux's own manifests, with what their kustomization adds. */
export interface FluxManifests {
  readonly now: readonly KubeObject[]
  readonly running: readonly KubeObject[]
  readonly wanted: readonly KubeObject[]
}

/**
 * Fetches the repository that a cluster follows, with the login that belongs to its origin, and finds the place of the version.
 * @throws OperatorError `blocked` where Git cannot be read or changed, or the place cannot be
 */
export async function readPlace(
  session: Pick<Session, 'tools' | 'folder'> & RepositoryAccess['session'],
  target: RepositoryAccess['target'],
  located: Pick<LocatedFlux, 'url' | 'ref' | 'folders' | 'place'> & { readonly installed: Pick<InstalledFlux, 'version'> },
  wanted: { readonly of: 'flux' | 'operator'; readonly version: string | undefined },
): Promise<PlaceInGit> {
  const { url, ref } = located
  if (!ref.startsWith('refs/heads/')) {
    throw new OperatorError(`nothing can be changed in Git: Flux follows ${ref} of ${url}, which is not a branch`, {
      kind: 'blocked',
      remedy: 'let Flux follow a branch; or change the version on a branch, tag it, and have Flux follow the new tag',
    })
  }
  const { login, signingKey } = target
  const remote: Remote = { url, ref, login, ...(signingKey === undefined ? {} : { signingKey }) }
  return inClone(remote, session.folder(), session.cluster.signal, async (clone) => {
    const found = await locateVersion(clone.folder, located, wanted.of)
    const stands = { url, ref, at: { ...found.at, path: [...found.at.path] } }
    const { file } = versionRepository({ session, target, script: '' }, { stands })
    const name = nameAt(found.at)
    const at = { ...found, remote, commit: clone.head, name }
    if (wanted.version === undefined) return { ...at, manifests: undefined }
    const text = (version: string): Promise<string> => file.write(clone, { [name]: version })
    const next = await text(wanted.version) // what cannot be changed is reported before anything is
    if (found.at.is === 'remote-base') throw fromServer(found.at, next)
    if (located.place.installs !== 'manifests') return { ...at, manifests: undefined }
    const { version: running } = located.installed
    const build = (content: string): Promise<KubeObject[]> => buildWith(clone.folder, file.path, content, session.tools.kubectl)
    const now = await build(await clone.read(file.path))
    return { ...at, manifests: { now, running: running === undefined ? now : await build(await text(running)), wanted: await build(next) } }
  })
}

/** Such manifests are fetched by Flux alone: neither their images nor those of the old version, to roll back with, are known here. */
function fromServer({ file, line }: FoundPlace['at'], next: string): OperatorError {
  return new OperatorError(
    `${file}:${line} loads Flux's manifests from a server: what its versions contain, and so how to roll back, is not known here`,
    {
      kind: 'blocked',
      remedy: `change it to "${next.split('\n')[line - 1]?.trim()}", commit and push it; to roll back: git revert. Or copy the manifests into the repository: flux install --export > ${shellQuote(componentsFile)}`,
    },
  )
}

/** What a folder of a checkout comes to with other content of one file. */
async function buildWith(checkout: string, file: string, content: string, kubectl: string): Promise<KubeObject[]> {
  const folder = dirname(file)
  await writeFile(join(checkout, file), content)
  const names = await readdir(join(checkout, folder))
  return kustomizationFiles.some((name) => names.includes(name)) ? buildFolder(checkout, folder, kubectl, folder) : parseObjects(content)
}
