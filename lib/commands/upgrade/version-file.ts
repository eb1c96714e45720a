import { isDeepStrictEqual } from 'node:util'
import { withVersionAt } from '../../desired-state/version-edit.ts'
import { saysAt, type VersionPlace } from '../../desired-state/version-places.ts'
import { versionsIn, withVersions } from '../../desired-state/version-settings.ts'
import type { GitClone } from '../../tools/git-clone.ts'

/** What a file says of versions, each by its name: a line of settings.yaml, a field of a manifest. */
export type SaidVersions = Readonly<Record<string, string>>

/** The file of a repository that says which version runs, and how it is changed. */
export interface VersionFile {
  /** From the top of the repository. */
  readonly path: string
  readonly read: (text: string) => SaidVersions
  /** The file as a clone has it with other versions, and every other byte as it was. */
  readonly write: (clone: Pick<GitClone, 'read' | 'history' | 'show'>, versions: SaidVersions) => Promise<string>
}

/** A cluster's settings.yaml, which says them for all of this project's tree. */
export function settingsVersions(path: string): VersionFile {
  return {
    path,
    read: (text) => versionsIn(text, path),
    write: async (clone, versions) => withVersions(await clone.read(path), path, versions),
  }
}

/** What is called so in plans, at the one place of a repository that says the version. */
export function nameAt({ is, path }: VersionPlace): string {
  if (is === 'components') return 'Flux Version'
  return is === 'remote-base' ? 'ref' : String(path.at(-1))
}

/**
 * Whichever file of a repository says the version, at one place.
 * @param exported the manifests of Flux itself in a version, with the arguments of the flux CLI that makes them
 */
export function placeVersions(place: VersionPlace, exported: (args: readonly string[], version: string) => Promise<string>): VersionFile {
  const { file: path } = place
  const name = nameAt(place)
  const read = (text: string): SaidVersions => {
    const says = saysAt(text, place)
    return says === undefined ? {} : { [name]: says }
  }
  return {
    path,
    read,
    async write(clone, versions) {
      const text = await clone.read(path)
      const version = versions[name]
      if (version === undefined || read(text)[name] === version) return text
      const edit = withVersionAt(text, place, version)
      if (edit.is === 'text') return edit.text
      // With other components, or another registry, it is not what is there now in that version.
      const isSame = (then: string): boolean => read(then)[name] === version && isDeepStrictEqual(withVersionAt(then, place, version), edit)
      return (await earlier(clone, path, isSame)) ?? exported(edit.args, version)
    },
  }
}

/** The file as it was when it last said so: what made it then need not be at hand to restore it. */
async function earlier(
  clone: Pick<GitClone, 'history' | 'show'>,
  path: string,
  isMeant: (text: string) => boolean,
): Promise<string | undefined> {
  for (const commit of await clone.history(path)) {
    const text = await clone.show(commit, path).catch(() => '') // a commit that took it away
    if (isMeant(text)) return text
  }
  return undefined
}
