import type { Remote } from '../tools/git.ts'

/** How many commits are looked through for the one that Flux has fetched last. */
const depth = 100

/** What is known of the way from the commit that Flux has fetched to the head. */
export interface HeadHistory {
  /** When the head was committed, in milliseconds. */
  readonly time: number
  /** The fetched commit is not among those before the head: someone has pushed by force. */
  readonly isRewritten: boolean
}

/**
 * Reads the last commits of a remote, without their content, into a folder of its own.
 * @param seen the head; the commit that Flux has fetched, or an empty text; and when it has, in milliseconds
 */
export async function historyOf(
  remote: Remote,
  { head, fetched, at }: { readonly head: string; readonly fetched: string; readonly at: number },
  folder: string,
  signal: AbortSignal,
): Promise<HeadHistory> {
  const { git, gitAt } = await import('../tools/git.ts')
  await git(['init', '--quiet', '--bare', folder], { signal })
  const options = { cwd: folder, signal }
  await gitAt(remote, ['fetch', '--quiet', `--depth=${depth}`, '--filter=tree:0', '--', remote.url, remote.ref], options)
  const listed = (await git(['log', '--format=%H %ct', head], options)).trim().split('\n')
  const commits = listed.map((line) => ({ commit: line.slice(0, head.length), time: Number(line.slice(head.length)) * 1000 }))
  // Where there are more commits than were looked through, it may be an older one, unless the oldest is from before it was fetched.
  const isAll = commits.length < depth || commits.some(({ time }) => time < at)
  return { time: commits[0]?.time ?? NaN, isRewritten: fetched !== '' && isAll && !commits.some(({ commit }) => commit === fetched) }
}
