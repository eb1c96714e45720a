import { appendFileSync, mkdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import * as v from 'valibot'
import { exitCodes, messageOf, OperatorError } from '../../../base/errors.ts'
import { createRedactor } from '../../../base/redactor.ts'
import { stateHome } from '../../../base/paths.ts'
import { settingsFile } from '../../../connection/cluster-settings.ts'
import { putFile } from '../../../base/write-atomic.ts'
import { readSettings } from '../../../connection/settings.ts'
import { startOwnScript } from '../../../process/own-script.ts'
import { createConsole } from '../../../terminal/console.ts'
import { checkWordsFor, wordsFor } from '../cluster-call.ts'
import { createWorker } from '../cluster-worker.ts'
import type { FleetCommand, FleetCommands } from '../fleet-commands.ts'
import type { FleetCluster } from '../fleet-file.ts'
import { type ClusterEnd, makeRunFolder } from '../fleet-run.ts'
import { interruptedRun } from '../interrupted-cluster.ts'
import { endMessage } from './end-message.ts'
import { writeKubeconfig } from './kubeconfigs.ts'
import { pathInPod, variableOf } from './places.ts'

const text = v.string()
const flagsSchema = v.record(text, v.union([text, v.boolean()]))
const workSchema = v.object({
  runId: text,
  command: text,
  isCheck: v.boolean(),
  own: flagsSchema,
  shared: flagsSchema,
  consent: v.object({ changes: v.boolean(), destroys: v.boolean() }),
  /** By their index. */
  clusters: v.array(v.object({ name: text, context: text, cluster: v.optional(text), settings: v.optional(v.record(text, text)) })),
})
/** What the workers of one Job are to do. */
export type Work = v.InferOutput<typeof workSchema>

/** How long a lock that a killed pod has left behind lasts at most, in milliseconds. */
const lockLasts = 40_000

/**
 * Works on one cluster, in a pod of a wave's Job: runs the script to its end, whose exit code is this pod's. A pod that is asked to go, because
 * too many others have failed or its node is drained, brings it to its end first. What it came to is in the pod's termination message, its log
 * and its document are on the fleet's volume.
 */
export async function work(commands: FleetCommands): Promise<number> {
  const { clean, hide } = createRedactor()
  const say = (line: string): void => createConsole({ clean }).line(line)
  process.on('SIGTERM', () => say('asked to stop: finishing the cluster first'))
  try {
    await readSettings({ clean, hide }) // their secrets are never in a log
    const parsed = v.parse(v.pipe(text, v.parseJson(), workSchema), readFileSync(join(pathInPod('work'), 'work.json'), 'utf8'))
    const cluster = parsed.clusters[Number(variableOf('JOB_COMPLETION_INDEX'))]
    if (cluster === undefined) throw new OperatorError('the Job has more indexes than clusters')
    enterTree(cluster)
    const end = await workOn({ ...cluster, cluster: cluster.cluster, line: 0 }, parsed, commandOf(commands, parsed), { clean, say })
    keepEnd(end, say)
    return end.exitCode
  } catch (error) {
    const message = clean(messageOf(error))
    say(message)
    keepEnd({ outcome: 'failed', exitCode: exitCodes.failed, runId: null, error: { message } }, say)
    return exitCodes.failed
  }
}

/** Where the scripts run: a tree of this cluster's folder alone, with what says where its repository is. */
function enterTree({ context, cluster = context, settings }: Work['clusters'][number]): void {
  const tree = join(tmpdir(), 'tree')
  const file = join(tree, settingsFile(cluster))
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  if (settings !== undefined) putFile(file, JSON.stringify({ kind: 'ConfigMap', data: settings }))
  process.chdir(tree)
}

function commandOf(commands: FleetCommands, { command: name }: Work): FleetCommand {
  const command = commands[name]
  if (command === undefined) throw new OperatorError(`fleet has no command ${name}`)
  return command
}

interface Voice {
  readonly clean: (text: string) => string
  readonly say: (line: string) => void
}

async function workOn(cluster: FleetCluster, given: Work, command: FleetCommand, voice: Voice): Promise<ClusterEnd> {
  const attempt = async (): Promise<{ readonly end: ClusterEnd; readonly isResumed: boolean }> => {
    const { shared, consent } = given
    const own = onVolume(given.own, command)
    // In the environment, not a flag: what a script advises is for people, who have another one.
    process.env.KUBECONFIG = kubeconfigOf(cluster)
    if (given.isCheck) return { end: await call(cluster, given, 'health-check', checkWordsFor(cluster, shared), voice), isResumed: false }
    const fleetRun = given.runId
    const found = command.isResumable
      ? interruptedRun(stateHome(), { context: cluster.context, command: given.command, fleetRun })
      : undefined
    const words = wordsFor(cluster, { command, own, shared, consent, resume: found })
    return { end: await call(cluster, given, given.command, words, voice), isResumed: found !== undefined }
  }
  const { end, isResumed } = await attempt()
  if (end.exitCode !== exitCodes.locked || !isResumed) return end
  voice.say('the previous pod was killed while it held the lock: trying again when the lock expires')
  await pause(lockLasts)
  return (await attempt()).end
}

/** A folder of several files is one on the volume. */
function onVolume(own: Work['own'], { folders = [] }: FleetCommand): Work['own'] {
  return Object.fromEntries(
    Object.entries(own).map(([flag, value]) => [flag, folders.includes(flag) ? join(pathInPod('state'), String(value)) : value]),
  )
}

function kubeconfigOf(cluster: FleetCluster): string {
  const content = readFileSync(join(pathInPod('kubeconfigs'), cluster.name), 'utf8')
  return writeKubeconfig(join(tmpdir(), 'kubeconfigs'), cluster, content)
}

function call(
  cluster: FleetCluster,
  { runId }: Work,
  script: string,
  words: readonly string[],
  { clean, say }: Voice,
): Promise<ClusterEnd> {
  const worker = createWorker({
    folder: makeRunFolder(stateHome(), runId),
    cancel: new AbortController().signal, // nobody is there to press Ctrl-C
    clean,
    step: () => undefined,
    changed: () => undefined,
    start: (name, args, hear) =>
      startOwnScript(name, args, (line) => {
        say(line)
        hear(line)
      }),
  })
  return worker(script, cluster, { spans: [] }, words)
}

/** What the conductor reads of it; a pod whose message is lost is known by its exit code. */
function keepEnd(end: ClusterEnd, say: Voice['say']): void {
  try {
    appendFileSync(pathInPod('message'), endMessage(end)) // the kubelet has made the file, and it is mounted
  } catch (error) {
    say(`its result cannot be saved: ${messageOf(error)}`)
  }
}
