import type { PodCondition, Pod } from './pod-spec.ts'

export interface Terminated {
  readonly is: 'terminated'
  readonly exitCode: number
  /** Why the node ended it; else its exit code says how it ended. */
  readonly reason?: 'OOMKilled'
  /** Its last words. */
  readonly message?: string
  readonly startedAt: string
  readonly finishedAt: string
}

export type ContainerState =
  | { readonly is: 'waiting'; readonly reason: string; readonly message?: string }
  | { readonly is: 'running'; readonly startedAt: string; readonly ready: boolean }
  | Terminated

/** What is reported to the API of one container. */
export interface ContainerFacts {
  readonly name: string
  readonly image: string
  readonly imageId: string
  readonly id: string
  readonly restarts: number
  readonly state: ContainerState
  /** How it ended the last time. */
  readonly last: Terminated | undefined
}

export interface PodFacts {
  readonly ip: string
  readonly startTime: string
  readonly containers: readonly ContainerFacts[]
}

/**
 * A pod's status as a kubelet would report it, to be sent as a merge patch.
 * @param before the conditions reported last; those that are not the node's own are kept
 */
export function podStatusOf(pod: Pod, facts: PodFacts, before: readonly PodCondition[], at: string) {
  const phase = phaseOf(facts.containers, pod.spec.restartPolicy)
  return {
    observedGeneration: pod.metadata.generation,
    phase,
    conditions: conditionsOf(facts.containers, phase, before, at),
    hostIP: '127.0.0.1',
    hostIPs: [{ ip: '127.0.0.1' }],
    podIP: facts.ip,
    podIPs: [{ ip: facts.ip }],
    startTime: facts.startTime,
    containerStatuses: facts.containers.map(containerStatus),
  }
}

function phaseOf(containers: readonly ContainerFacts[], restartPolicy: string): string {
  if (containers.some(({ state, last }) => state.is === 'waiting' && last === undefined)) return 'Pending'
  const ended = containers.map(({ state }) => state).filter((state) => state.is === 'terminated')
  if (restartPolicy === 'Always' || ended.length < containers.length) return 'Running'
  return ended.every(({ exitCode }) => exitCode === 0) ? 'Succeeded' : 'Failed'
}

const ownConditions: readonly string[] = ['PodScheduled', 'PodReadyToStartContainers', 'Initialized', 'ContainersReady', 'Ready']

/**
 * The node's own conditions as it has reported them, and the others as the API has them now: an eviction says in one that it disrupts the pod,
 * and Jobs read that one.
 */
export function conditionsNow(reported: readonly PodCondition[], observed: readonly PodCondition[]): PodCondition[] {
  const isOwn = ({ type }: PodCondition): boolean => ownConditions.includes(type)
  return [...observed.filter((condition) => !isOwn(condition)), ...reported.filter(isOwn)]
}

function conditionsOf(containers: readonly ContainerFacts[], phase: string, before: readonly PodCondition[], at: string): PodCondition[] {
  const unready = containers.filter(({ state }) => !isReady(state)).map(({ name }) => name)
  const ready =
    unready.length === 0
      ? { status: 'True' }
      : phase === 'Succeeded'
        ? { status: 'False', reason: 'PodCompleted' }
        : { status: 'False', reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` }
  const own = [
    { type: 'PodScheduled', status: 'True' },
    { type: 'PodReadyToStartContainers', status: 'True' },
    { type: 'Initialized', status: 'True' },
    { type: 'ContainersReady', ...ready },
    { type: 'Ready', ...ready },
  ].map((condition) => {
    const known = before.find(({ type }) => type === condition.type)
    return { ...condition, lastTransitionTime: (known?.status === condition.status ? known.lastTransitionTime : undefined) ?? at }
  })
  return [...before.filter(({ type }) => !own.some((condition) => condition.type === type)), ...own]
}

/** A moment as the API writes it: whole seconds. */
export function now(): string {
  return new Date().toISOString().replace(/\.\d+Z$/, 'Z')
}

export function isReady(state: ContainerState): boolean {
  return state.is === 'running' && state.ready
}

function containerStatus(container: ContainerFacts) {
  const { name, image, imageId, id, restarts, state, last } = container
  return {
    name,
    image,
    imageID: imageId,
    ...(id === '' ? {} : { containerID: id }),
    restartCount: restarts,
    ready: isReady(state),
    started: state.is === 'running',
    state: stateOf(state, id),
    lastState: last === undefined || state.is === 'terminated' ? {} : stateOf(last, ''),
  }
}

function stateOf(state: ContainerState, id: string): Record<string, unknown> {
  switch (state.is) {
    case 'waiting':
      return { waiting: { reason: state.reason, ...(state.message === undefined ? {} : { message: state.message }) } }
    case 'running':
      return { running: { startedAt: state.startedAt } }
    case 'terminated': {
      const { exitCode, startedAt, finishedAt, message } = state
      const reason = state.reason ?? (exitCode === 0 ? 'Completed' : 'Error')
      const said = message === undefined ? {} : { message }
      return { terminated: { exitCode, reason, ...said, startedAt, finishedAt, ...(id === '' ? {} : { containerID: id }) } }
    }
  }
}
