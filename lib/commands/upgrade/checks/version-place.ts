import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../../../base/errors.ts'
import { type TextFile, findVersionPlaces, type VersionPlace } from '../../../desired-state/version-places.ts'
import { withVersionAt } from '../../../desired-state/version-edit.ts'
import { blocks, type Finding } from '../../../preflight/preflight.ts'

/** The lines of settings.yaml that name a version, and of what. */
const linesOf = { flux_version: 'flux', operator_version: 'operator' } as const
const names = { flux: 'Flux', operator: 'flux-operator' } as const

/**
 * Whether settings.yaml has each version line that is to be changed. Where it does not, the places that have the version are named, with what
 * is to stand there; nothing is changed, for a rollback could not be made from settings.yaml either.
 * @param settings the values that it has
 * @param changes the lines that are to differ
 */
export function checkVersionPlaces(
  files: readonly TextFile[],
  settingsFile: string,
  settings: Readonly<Record<string, string>>,
  changes: Readonly<Record<string, string>>,
): Finding[] {
  return Object.entries(linesOf).flatMap(([line, of]) => {
    const version = changes[line]
    if (version === undefined || settings[line] !== undefined) return []
    const places = findVersionPlaces(files).filter((place) => place.of === of)
    const lacking = `${settingsFile} does not say ${line}`
    const remedy = `write ${line}: "${version}" there, and refer to it where the version is used: \${${line}}`
    const [only] = places
    if (only === undefined) return [blocks(`${lacking}, and nothing else in the repository names a version of ${names[of]}`, remedy)]
    if (places.length > 1) return [blocks(`${lacking}; ${places.length} places name one, and none was changed: ${listed(places)}`, remedy)]
    return [blocks(`${lacking}; the version stands at ${listed(places)}`, byHand(files, only, version))]
  })
}

function listed(places: readonly VersionPlace[]): string {
  return places.map(({ file, line, says }) => `${file}:${line} (${says})`).join(', ')
}

/** What to change at a place, as a person does it. */
function byHand(files: readonly TextFile[], place: VersionPlace, version: string): string {
  const text = files.find(({ file }) => file === place.file)?.text ?? ''
  try {
    const edit = withVersionAt(text, place, version)
    if (edit.is === 'export') return `with the flux CLI of ${version}: flux ${edit.args.join(' ')} > ${place.file}; then commit and push it`
    return `have it say "${edit.text.split('\n')[place.line - 1]?.trim()}", commit and push it; Flux follows`
  } catch (error) {
    return messageOf(error)
  }
}

/** The YAML files of a checkout, below a folder. */
export async function readYaml(root: string, folder: string): Promise<TextFile[]> {
  const paths = (await readdir(join(root, folder), { recursive: true })).filter((path) => /\.ya?ml$/.test(path)).sort()
  return Promise.all(paths.map(async (path) => ({ file: join(folder, path), text: await readFile(join(root, folder, path), 'utf8') })))
}
