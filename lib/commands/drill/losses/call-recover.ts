import * as v from 'valibot'
import { callScript, ScriptFailed } from '../call-script.ts'

/** What recover.ts has made of a damage. */
export interface RecoverResult {
  /** It ended with exit code 0. */
  readonly isDone: boolean
  /** It did something itself, beside waiting. */
  readonly hasChanged: boolean
  /** The failure modes that it named. */
  readonly recognised: readonly string[]
  /** All that it said, its plan too. */
  readonly said: string
}

const documentSchema = v.object({
  disasters: v.optional(v.array(v.object({ id: v.string() })), []),
  steps: v.optional(v.array(v.object({ id: v.string(), state: v.string() })), []),
})

/** Calls recover.ts as a person would, with every consent; that it refuses is not an error here. */
export async function callRecover(flags: readonly string[], progress: (line: string) => void, signal: AbortSignal): Promise<RecoverResult> {
  const said: string[] = []
  const report = (line: string): void => {
    said.push(line)
    progress(line)
  }
  const ended = await callScript('recover', [...flags, '--json', '--fresh'], report, signal).then(
    (written) => ({ isDone: true, written }),
    (error: unknown) => {
      if (!(error instanceof ScriptFailed)) throw error
      return { isDone: false, written: error.written }
    },
  )
  const read = v.safeParse(v.pipe(v.string(), v.parseJson(), documentSchema), ended.written)
  const { disasters, steps } = read.success ? read.output : { disasters: [], steps: [] }
  return {
    isDone: ended.isDone,
    hasChanged: steps.some(({ state }) => state === 'done'),
    recognised: disasters.map(({ id }) => id),
    said: said.join('\n'),
  }
}
