import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createRedactor } from '../../base/redactor.ts'
import { projectRoot } from '../../base/paths.ts'
import { gitLoginOf, readSettings } from '../../connection/settings.ts'
import { makeTemporaryFolder } from '../../process/temporary-folder.ts'
import { checkOut, gitAt, headOf, type Remote } from '../../tools/git.ts'
import type { GivenValues } from './given-values.ts'
import type { ValidationSubject } from './paths.ts'
import { validateRepository } from './repository.ts'
import type { Rules } from './rules.ts'
import { coveredPart, validate, type Validation, type ValidationTools } from './validate.ts'

/** How a subject is checked. */
export interface SubjectCheck {
  /** Where none are named, this project's own hold for this checkout alone. */
  readonly rules: Rules | undefined
  readonly given: GivenValues
}

/** Validates what the command line names: this checkout, a repository in a folder, or one on a server, which is fetched first. */
export async function validateSubject(
  subject: ValidationSubject,
  { rules, given }: SubjectCheck,
  findTools: () => Promise<ValidationTools>,
): Promise<Validation> {
  if (subject.is === 'checkout' && rules !== 'flux') return validate(projectRoot, subject.scope, findTools, given)
  const check = { rules: rules ?? 'flux', given, name: subject.is === 'checkout' ? projectRoot : subject.name }
  if (subject.is !== 'remote') {
    const { root, covers } = subject.is === 'folder' ? subject : { root: projectRoot, covers: subject.scope.covers }
    const whole = await validateRepository(root, await findTools(), check)
    return { ...whole, ...coveredPart(whole, covers) }
  }
  const folder = makeTemporaryFolder()
  try {
    const checkout = join(folder, 'checkout')
    await fetchRepository(subject, checkout)
    return await validateRepository(checkout, await findTools(), check)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Fetches a repository on a server into a new folder, with the person's login if that is for its server. */
export async function fetchRepository(subject: Extract<ValidationSubject, { is: 'remote' }>, folder: string): Promise<void> {
  const remote = await remoteOf(subject)
  await mkdir(folder)
  await checkOut(remote, await headOf(remote), '.', folder)
}

/** The repository, with the person's login if that is for its server, and the full name of the branch or tag. */
async function remoteOf({ url, ref }: Extract<ValidationSubject, { is: 'remote' }>): Promise<Remote> {
  const { settings } = await readSettings(createRedactor())
  const remote = { url, ref, login: gitLoginOf(settings, settings.GIT_ORIGIN) }
  if (ref === 'HEAD' || ref.startsWith('refs/')) return remote
  const listed = await gitAt(remote, ['ls-remote', '--', url, `refs/heads/${ref}`, `refs/tags/${ref}`])
  return { ...remote, ref: /\trefs\/heads\//.test(listed) || listed.trim() === '' ? `refs/heads/${ref}` : `refs/tags/${ref}` }
}
