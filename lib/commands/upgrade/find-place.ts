import { OperatorError } from '../../base/errors.ts'
import { readFollowedFiles } from '../../desired-state/followed-files.ts'
import { findVersionPlaces, type TextFile, type VersionPlace } from '../../desired-state/version-places.ts'
import type { LocatedFlux } from './locate.ts'

/** The one place of a repository that says a version, and the files that this cluster is built from. */
export interface FoundPlace {
  readonly at: VersionPlace
  readonly files: readonly TextFile[]
}

const names = { flux: 'Flux', operator: 'flux-operator' } as const
const ofManifests: readonly VersionPlace['is'][] = ['components', 'remote-base']

/**
 * Finds where a checkout says the version.
 * @param located what is brought from there
 * @throws OperatorError `blocked` where it says it nowhere, or in several places: all are named, and none is changed
 */
export async function locateVersion(
  checkout: string,
  { url, folders, place: { installs } }: Pick<LocatedFlux, 'url' | 'folders' | 'place'>,
  of: VersionPlace['of'],
): Promise<FoundPlace> {
  const files = await readFollowedFiles(checkout, folders)
  const found = findVersionPlaces(files).filter(
    // What an earlier installation has left in Git is not what runs.
    (place) => place.of === of && (of === 'operator' || ofManifests.includes(place.is) === (installs === 'manifests')),
  )
  const [at] = found
  const where = `${url}, in ${folders.join(', ')}`
  if (at === undefined) {
    throw new OperatorError(`nothing that this cluster follows in ${where} names a version of ${names[of]}`, {
      kind: 'blocked',
      remedy: 'write the version there, push, and run again',
    })
  }
  if (found.length === 1) return { at, files }
  const listed = found.map(({ file, line, says }) => `${file}:${line} (${says})`).join(', ')
  throw new OperatorError(`${found.length} places in ${where} name a version of ${names[of]}, and none was changed: ${listed}`, {
    kind: 'blocked',
    remedy: 'keep the version in one of them and remove it from the others, or use one variable in all of them; push, and run again',
  })
}
