import { OperatorError } from '../base/errors.ts'
import { askText, canAsk, choose } from '../terminal/prompt.ts'
import { type EarlierRun, findInterrupted, knownCluster } from './run-store.ts'

interface Place {
  /** Where the runs are kept. */
  readonly home: string
  readonly context: string
  readonly server: string
  /** The UID of kube-system. */
  readonly uid: string
  /** The command that was typed, with these flags too. */
  readonly again: (...flags: readonly string[]) => string
}

/**
 * Throws OperatorError `blocked` where the context's name meant another cluster when this project last changed something there, unless
 * the person says that this is meant: by flag, or by typing the name.
 * @param saying the command that says so by flag
 */
export async function verifySameCluster({ home, context, server, uid }: Place, isMeant: boolean, saying: string): Promise<void> {
  const known = knownCluster(home, context)
  if (known === undefined || known.uid === uid || isMeant) return
  const what = `the context ${context} meant another cluster before: ${known.server} (kube-system ${known.uid}); now it is ${server} (${uid})`
  const refused = new OperatorError(`${what}. Nothing was changed`, {
    kind: 'blocked',
    remedy: `if that is right: ${saying}`,
  })
  if (!canAsk()) throw refused
  if ((await askText(`${what}. If that is right, type the context's name:`)) !== context) throw refused
}

/**
 * The interrupted run to resume, if any: the one that is named or asked for, or the last one if the person says so.
 * @param resume the value of --resume: a run, or the empty string for the last; undefined where it was not given
 * @throws OperatorError `usage` where a job must say which, or there is none; `blocked` where it began on another cluster
 */
export async function chooseRun(
  { home, context, uid, again }: Place,
  script: string,
  resume: string | undefined,
  fresh: boolean,
): Promise<EarlierRun | undefined> {
  if (fresh) return undefined
  const found = findInterrupted(home, context, script, resume)
  if (found === undefined) {
    if (resume === undefined) return undefined
    const which = resume === '' ? `an interrupted run of ${script}` : `a run ${resume} to resume`
    throw new OperatorError(`there is no ${which.replace(/^an? /, '')} on ${context}`, {
      kind: 'usage',
      remedy: `to start a new run: ${again('--fresh')}`,
    })
  }
  if (resume === undefined) {
    const what = `the run ${found.runId} on ${context} was interrupted`
    if (!canAsk()) {
      throw new OperatorError(`${what}. Nothing was changed`, {
        kind: 'usage',
        remedy: `to resume it: ${again('--resume')}\nto start over: ${again('--fresh')}`,
      })
    }
    const answer = await choose(`${what}. What now?`, [
      { name: 'resume', message: 'Resume it' },
      { name: 'fresh', message: 'Start from the beginning' },
      { name: 'stop', message: 'Stop here' },
    ])
    if (answer === 'fresh') return undefined
    if (answer === 'stop') {
      throw new OperatorError('stopped; nothing was changed', { kind: 'cancelled', remedy: `to resume it: ${again('--resume')}` })
    }
  }
  if (found.uid === uid) return found
  throw new OperatorError(
    `the run ${found.runId} began on another cluster: ${found.server} (kube-system ${found.uid}), not ${uid}. Nothing was changed`,
    { kind: 'blocked', remedy: `to start over on this one: ${again('--fresh')}` },
  )
}
