import { type ClusterEnd, parseEnd } from '../fleet-run.ts'

/** A kubelet takes 4096 bytes of a container's last words, and a run keeps those of hundreds of clusters in one object. */
const longest = 1200

/** How a script ended on a cluster, as its pod's termination message. */
export function endMessage(end: ClusterEnd): string {
  const { error, ...rest } = end
  if (error === undefined) return JSON.stringify(rest)
  const message = cut(error.message)
  return JSON.stringify({ ...rest, error: { message, ...(error.remedy === undefined ? {} : { remedy: cut(error.remedy) }) } })
}

function cut(text: string): string {
  return text.length <= longest ? text : `${text.slice(0, longest - 1)}…`
}

/**
 * How a script ended, by its pod's last words.
 * @param exitCode the container's, which counts where it has left none
 */
export function endIn(message: string | undefined, exitCode: number): ClusterEnd {
  const end = parseEnd(message ?? '')
  if (end?.exitCode === exitCode) return end
  return { outcome: exitCode === 0 ? 'done' : 'failed', exitCode, runId: null, ...withoutWords(exitCode) }
}

function withoutWords(exitCode: number): Pick<ClusterEnd, 'error'> {
  return exitCode === 0 ? {} : { error: { message: `its pod ended with exit code ${exitCode} without a message` } }
}
