import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../lib/base/errors.ts'
import { nearest } from '../lib/base/nearest.ts'
import { labHome } from './home.ts'
import { labEnvironment, type Layout, layoutOf } from './layout.ts'
import type { LabStatus } from './status.ts'

/** Something whose output can be shown: a file, or a container that kubectl is asked for. */
type Source = { readonly name: string; readonly file: string } | { readonly name: string; readonly kubectl: readonly string[] }

/**
 * Shows what a process of the lab has written, on stdout; `follow` continues until it is interrupted.
 * @param name `supervisor`, `git`, `registry`, `etcd`, `kube-apiserver`, …, or the name of a container, a pod or its Deployment
 * @param status undefined where the lab is down: the files of its last run are still there
 * @returns the exit code
 */
export async function showLogs(name: string, context: string, follow: boolean, status: LabStatus | undefined): Promise<number> {
  const layout = layoutOf(labHome())
  const sources = [...filesOf(layout, context), ...containersOf(status, context)]
  const source = sources.find((one) => one.name === name)
  if (source === undefined) {
    const long = `${context.replace(/^lab-/, '')}-`
    const names = [...new Set(sources.map((one) => one.name))].filter((one) => !one.startsWith(long))
    const close = nearest(name, names)
    const there = names.length === 0 ? 'the lab was never up' : `there are ${names.join(', ')}`
    throw new OperatorError(`nothing of ${context} is called "${name}"; ${close === undefined ? there : `did you mean ${close}?`}`, {
      kind: 'usage',
      remedy: names.length === 0 ? 'npx zx scripts/lab.ts up' : `npx zx scripts/lab.ts logs ${close ?? names[0]}`,
    })
  }
  if ('file' in source) return runInteractively(['tail', '-n', '+1', ...(follow ? ['-f'] : []), source.file], labEnvironment(layout))
  const kubectl = join(status?.bin ?? '', 'kubectl')
  const flags = ['--kubeconfig', layout.kubeconfig, '--context', context, 'logs', ...(follow ? ['-f'] : [])]
  return runInteractively([kubectl, ...flags, ...source.kubectl], labEnvironment(layout))
}

/** `infra-etcd.log` is called `etcd` in the context lab-infra, and `infra-etcd` in each. */
function filesOf(layout: Layout, context: string): Source[] {
  if (!existsSync(layout.logs)) return []
  const prefix = `${context.replace(/^lab-/, '')}-`
  return readdirSync(layout.logs)
    .filter((file) => file.endsWith('.log'))
    .flatMap((file) => {
      const name = file.slice(0, -'.log'.length)
      const path = join(layout.logs, file)
      return name.startsWith(prefix)
        ? [
            { name: name.slice(prefix.length), file: path },
            { name, file: path },
          ]
        : [{ name, file: path }]
    })
}

function containersOf(status: LabStatus | undefined, context: string): Source[] {
  const cluster = context.replace(/^lab-/, '')
  return (status?.processes ?? []).flatMap((one) => {
    const [namespace, pod, container] = one.name.split('/')
    if (one.cluster !== cluster || namespace === undefined || pod === undefined || container === undefined) return []
    const kubectl = ['--namespace', namespace, pod, '--container', container]
    const deployment = pod.replace(/-[a-z0-9]+-[a-z0-9]{5}$/, '')
    return [deployment, pod, container].map((name) => ({ name, kubectl }))
  })
}

/** Runs a program on the person's terminal and passes its exit code on. Ctrl-C is for the program to answer. */
export function runInteractively(command: readonly string[], env: Record<string, string>): Promise<number> {
  const [program = '', ...args] = command
  const ignore = (): void => undefined
  process.on('SIGINT', ignore)
  return new Promise<number>((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit', env })
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 1)))
  }).finally(() => process.off('SIGINT', ignore))
}
