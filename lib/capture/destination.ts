import { existsSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { shell } from '../command.ts'
import { childEnvironment } from '../environment.ts'
import { OperatorError } from '../errors.ts'

/**
 * The file that a flag names for the capture of a context.
 * @param named what the flag says: a file; a folder where it is one already, or where there are several contexts
 * @param isAgain that the file may be there already, from the same run before it was interrupted
 * @throws OperatorError `usage` where it is there otherwise, or Git would track it
 */
export async function destinationOf(named: string, context: string, isForSeveral: boolean, isAgain = false): Promise<string> {
  const path = resolve(named)
  const isFolder = isForSeveral || statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
  const file = isFolder ? join(path, `${encodeURIComponent(context)}.age`) : path
  if (existsSync(file) && !isAgain) {
    throw new OperatorError(`${file} is there already, and may be the only good capture`, { kind: 'usage', remedy: 'name another file' })
  }
  const checkout = await checkoutThatTracks(file)
  if (checkout === undefined) return file
  throw new OperatorError(`${file} is in a Git checkout, ${checkout}, which does not ignore it: a capture never goes into Git`, {
    kind: 'usage',
    remedy: 'name a file outside of it',
  })
}

/** The checkout that the file, which need not be there yet, is in and would be committed with. */
async function checkoutThatTracks(file: string): Promise<string | undefined> {
  const existing = ancestorsOf(file).find((folder) => existsSync(folder)) ?? '/'
  const real = join(realpathSync(existing), relative(existing, file))
  const checkout = ancestorsOf(real).find((folder) => existsSync(join(folder, '.git')))
  if (checkout === undefined) return undefined
  const asked = await shell(childEnvironment(), { cwd: checkout })`git check-ignore --quiet -- ${real}`.nothrow()
  return asked.exitCode === 0 ? undefined : checkout
}

/** The folders above a file, the nearest first. */
function ancestorsOf(file: string): string[] {
  const above = dirname(file)
  return above === file ? [] : [above, ...ancestorsOf(above)]
}
