import { type ClusterEnd, parseEnd } from '../fleet-run.ts'

/** A kubelet takes 4096 bytes of a container's last words, and a run keeps those of hundreds of clusters in one object. In bytes, as JSON. */
const longest = 1200

/** How a script ended on a cluster, as its pod's termination message. */
export function endMessage(end: ClusterEnd): string {
  const { error, ...rest } = end
  if (error === undefined) return JSON.stringify(rest)
  const message = cut(error.message)
  return JSON.stringify({ ...rest, error: { message, ...(error.remedy === undefined ? {} : { remedy: cut(error.remedy) }) } })
}

function cut(text: string): string {
  let shown = text
  for (let end = text.length; bytesOf(shown) > longest; shown = `${text.slice(0, end)}…`) {
    end = Math.min(end - 1, Math.floor((end * longest) / bytesOf(shown)))
  }
  return shown
}

/** What it takes in the message: a condition may be of characters of three bytes, or of six as they are escaped. */
function bytesOf(text: string): number {
  return Buffer.byteLength(JSON.stringify(text))
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
