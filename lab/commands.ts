import { OperatorError } from '../lib/errors.ts'
import { ensureExecutables } from './build/executables.ts'
import { bringUp, describeClusters, isTreePushed, labAccess, labStatus, push, tellLab } from './client.ts'
import { done, json, type LabCommand, print, unchanged } from './command.ts'
import { faultCommand } from './fault-command.ts'
import { labHome } from './home.ts'
import { clusterNames, labEnvironment, layoutOf } from './layout.ts'
import { runInteractively, showLogs } from './logs.ts'
import { leftovers } from './process-record.ts'
import { olderFlux } from './build/recipe.ts'
import { describeStatus } from './show-status.ts'
import { checkSnapshot, checkSnapshotName } from './snapshots.ts'
import { takeDown } from './take-down.ts'

const none = { least: 0, most: 0 }
const context = {
  type: 'string',
  value: 'NAME',
  help: 'lab-infra (unless told otherwise) or lab-apps',
  choices: clusterNames.map((name) => `lab-${name}`),
} as const
const flux = {
  type: 'string',
  value: olderFlux.join(','),
  help: 'older versions of Flux to build too, some minutes each; once built they are always there',
} as const

function textOf(value: string | boolean | undefined, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise
}

/** The older versions of Flux that `--flux` names. Throws a usage error for one that the lab cannot build. */
function versionsOf(value: string | boolean | undefined): string[] {
  const versions = typeof value === 'string' ? value.split(',') : []
  const unknown = versions.find((version) => !olderFlux.some((older) => older === version))
  if (unknown === undefined) return versions
  throw new OperatorError(`the lab has no Flux ${unknown} to build; beside its own it has ${olderFlux.join(', ')}`, {
    kind: 'usage',
    remedy: `--flux ${olderFlux.join(',')}`,
  })
}

/** Every command of `scripts/lab.ts`. */
export const labCommands: Readonly<Record<string, LabCommand>> = {
  up: {
    summary: 'starts the clusters, Git with this tree in it, and the registry with the charts; builds first if need be',
    usage: '',
    words: none,
    flags: {
      clusters: { type: 'string', value: 'infra,apps', help: `which clusters: ${clusterNames.join(', ')} (infra unless told otherwise)` },
      flux,
      json,
    },
    async run({ given, console, signal }) {
      const clusters = textOf(given.clusters, 'infra').split(',')
      const { started, status } = await bringUp(clusters, console, signal, versionsOf(given.flux))
      if (started.length === 0) console.success(`the lab is up already: ${describeClusters(status)}; nothing to do`)
      if (status.faults.length > 0) console.warning(`faults are set: ${status.faults.join(', ')}; npx zx scripts/lab.ts fault clear`)
      if (!(await isTreePushed(status))) console.warning("kubernetes/ is not what the lab's Git has: npx zx scripts/lab.ts push")
      if (started.length > 0) console.faint('eval "$(npx zx scripts/lab.ts env)" lets kubectl, helm, flux and git reach it')
      return { ...(started.length === 0 ? unchanged : done), document: { up: true, home: labHome(), ...status, started } }
    },
  },
  down: {
    summary: 'ends every process and removes clusters, Git and snapshots; the logs stay',
    usage: '',
    words: none,
    flags: { purge: { type: 'boolean', help: 'remove the executables too: the next up builds them again' } },
    async run({ given, console }) {
      const waiting = console.wait('stopping the lab')
      const taken = await takeDown(given.purge === true).finally(() => waiting.stop())
      if (taken.is === 'unchanged') console.success('the lab was down already')
      else
        console.success(
          taken.is === 'stopped'
            ? 'the lab is down'
            : `the lab is down; what a killed one had left is cleared (${taken.left.length} processes)`,
        )
      if (given.purge === true) console.success('its executables are removed')
      return taken.is === 'unchanged' && given.purge !== true ? unchanged : done
    },
  },
  status: {
    summary: 'lists clusters, addresses, processes, faults, and which images are stand-ins',
    usage: '',
    words: none,
    flags: { json },
    async run({ given }) {
      const status = await labStatus()
      if (status !== undefined) {
        if (given.json !== true) print(describeStatus(status, labHome(), process.stdout.columns ?? 1000))
        return { ...done, document: { up: true, home: labHome(), kubeconfig: layoutOf(labHome()).kubeconfig, ...status } }
      }
      const left = leftovers(layoutOf(labHome()).processes)
      const names = left.map(({ name, pid }) => `${name} (${pid})`).join(', ')
      const also = left.length === 0 ? [] : [`Its supervisor was killed and left ${names}; the next up (or down) clears that.`]
      if (given.json !== true) print([`The lab in ${labHome()} is down.`, ...also])
      return { ...done, document: { up: false, home: labHome(), left } }
    },
  },
  build: {
    summary: 'builds the executables, unless they are there',
    usage: '',
    words: none,
    flags: { flux },
    async run({ given, console, signal }) {
      console.success(`the executables are in ${(await ensureExecutables(console, signal, versionsOf(given.flux))).bin}`)
      return done
    },
  },
  env: {
    summary: 'prints what a shell needs to use the lab: eval "$(npx zx scripts/lab.ts env)"',
    usage: '',
    words: none,
    flags: {},
    async run() {
      const { kubeconfig, git, registry, bin, home } = await labAccess()
      const variables = {
        KUBECONFIG: kubeconfig,
        FLUX_LAB_GIT_URL: git.anonymousUrl,
        FLUX_LAB_GIT_PRIVATE_URL: git.url,
        FLUX_LAB_GIT_USERNAME: git.username,
        FLUX_LAB_GIT_PASSWORD_FILE: layoutOf(home).gitPassword,
        FLUX_LAB_REGISTRY: registry,
      }
      print([...Object.entries(variables).map(([name, value]) => `export ${name}=${quoted(value)}`), `export PATH=${quoted(bin)}:"$PATH"`])
      return done
    },
  },
  push: {
    summary: "commits this tree's kubernetes/ to the lab's Git, with the lab's addresses in it",
    usage: '',
    words: none,
    flags: {
      message: { type: 'string', value: 'TEXT', help: 'the commit message (-m)' },
      overwrite: { type: 'boolean', help: "replace what others have committed to kubernetes/ in the lab's Git" },
      json,
    },
    async run({ given, console }) {
      const pushed = await push({ message: textOf(given.message, 'Change the tree'), overwrite: given.overwrite === true })
      if (pushed.is === 'pushed') console.success(`kubernetes/ is in the lab's Git, commit ${pushed.commit.slice(0, 12)}`)
      else console.success(`the lab's Git has this very tree already, commit ${pushed.commit.slice(0, 12)}`)
      return { ...(pushed.is === 'pushed' ? done : unchanged), document: { commit: pushed.commit } }
    },
  },
  fault: faultCommand,
  snapshot: {
    summary: 'keeps what clusters and Git are now',
    usage: 'NAME',
    words: { least: 1, most: 1 },
    flags: {},
    async run({ words: [name = ''], console, signal }) {
      checkSnapshotName(name)
      const waiting = console.wait(`keeping ${name}`)
      await tellLab({ do: 'snapshot', name }, (text) => waiting.on(text), signal).catch(stopping(waiting))
      waiting.success(`clusters and Git are kept as "${name}": npx zx scripts/lab.ts reset ${name}`)
      return done
    },
  },
  reset: {
    summary: 'makes clusters and Git what they were at that snapshot',
    usage: 'NAME',
    words: { least: 0, most: 1 },
    flags: {},
    async run({ words: [name = ''], console, signal }) {
      checkSnapshot(layoutOf(labHome()), name)
      const waiting = console.wait(`resetting to ${name}`)
      await tellLab({ do: 'reset', name }, (text) => waiting.on(text), signal).catch(stopping(waiting))
      waiting.success(`clusters and Git are as they were at "${name}"`)
      return done
    },
  },
  wipe: {
    summary: 'makes a cluster an empty one, under the same address; Git stays',
    usage: '',
    words: none,
    flags: { context },
    async run({ given, console, signal }) {
      const name = textOf(given.context, 'lab-infra').replace(/^lab-/, '')
      const waiting = console.wait(`wiping ${name}`)
      await tellLab({ do: 'wipe', cluster: name }, (text) => waiting.on(text), signal).catch(stopping(waiting))
      waiting.success(`${name} is an empty cluster now`)
      return done
    },
  },
  logs: {
    isInteractive: true,
    summary: 'shows what a process, or a container, has written',
    usage: 'NAME',
    words: { least: 1, most: 1 },
    flags: { follow: { type: 'boolean', help: 'go on as it grows (-f)' }, context },
    async run({ words: [name = ''], given }) {
      return { exitCode: await showLogs(name, textOf(given.context, 'lab-infra'), given.follow === true, await labStatus()) }
    },
  },
  kubectl: {
    isInteractive: true,
    summary: "runs the lab's kubectl",
    usage: '-- ARGUMENTS',
    words: none,
    flags: { context },
    async run({ given, rest }) {
      if (rest.length === 0) {
        throw new OperatorError('what kubectl is to do comes after a --', {
          kind: 'usage',
          remedy: 'npx zx scripts/lab.ts kubectl -- get nodes',
        })
      }
      const { kubeconfig, bin, home } = await labAccess()
      const env = {
        ...labEnvironment(layoutOf(home)),
        KUBECONFIG: kubeconfig,
        TERM: process.env.TERM ?? 'dumb',
        EDITOR: process.env.EDITOR ?? 'vi',
      }
      return { exitCode: await runInteractively([`${bin}/kubectl`, '--context', textOf(given.context, 'lab-infra'), ...rest], env) }
    },
  },
}

function stopping(waiting: { stop: () => void }): (error: unknown) => never {
  return (error) => {
    waiting.stop()
    throw error
  }
}

/** For a shell. */
function quoted(text: string): string {
  return /^[\w./:@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
