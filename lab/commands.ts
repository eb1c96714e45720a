import { counted } from '../lib/base/counted.ts'
import { OperatorError } from '../lib/base/errors.ts'
import { ensureExecutables, ensureHelm3, ensureOlderKubectl, ensurePulumi } from './build/executables.ts'
import { bringUp, describeClusters, isTreePushed, labAccess, labStatus, push, reportLab } from './client.ts'
import { done, json, type LabCommand, print, unchanged } from './command.ts'
import { envCommand } from './env-command.ts'
import { faultCommand } from './fault-command.ts'
import { labHome } from './home.ts'
import { labEnvironment, layoutOf } from './layout.ts'
import { runInteractively, showLogs } from './logs.ts'
import { leftovers } from './process-record.ts'
import { olderKubectl } from './build/optional-recipes.ts'
import { context, flux, helm, kubectl, pulumi, repository, repositoryOf, repositoryPath, textOf, versionsOf } from './command-flags.ts'
import { describePulumi } from './pulumi/tools.ts'
import { bringUpPulumi } from './pulumi/up.ts'
import { describeStatus } from './show-status.ts'
import { checkCluster } from './cluster-names.ts'
import { checkSnapshot, checkSnapshotName } from './snapshots.ts'
import { readRehearsal } from './rehearsal/record.ts'
import { describeRehearsal, rehearsalFields, reportRehearsed } from './rehearsal/show-rehearsal.ts'
import { takeDown } from './take-down.ts'

const none = { least: 0, most: 0 }
/** Every command of `scripts/lab.ts`. */
export const labCommands: Readonly<Record<string, LabCommand>> = {
  up: {
    summary: 'starts the clusters, Git with this tree, and the registry with the charts; builds first if necessary',
    usage: '',
    words: none,
    flags: {
      clusters: { type: 'string', value: 'NAME,…', help: 'which clusters (infra by default): infra, apps, or any other names' },
      flux,
      helm,
      kubectl,
      pulumi,
      repository,
      path: repositoryPath,
      json,
    },
    async run({ given, console, signal }) {
      const wanted = repositoryOf(given)
      const clusters = textOf(given.clusters, 'infra').split(',')
      const { started, status, rehearsed } = await bringUp(clusters, console, signal, {
        olderFlux: versionsOf(given.flux),
        helm: typeof given.helm === 'string' ? given.helm : undefined,
        kubectl: typeof given.kubectl === 'string' ? given.kubectl : undefined,
        repository: wanted,
      })
      if (rehearsed !== undefined) reportRehearsed(rehearsed, console)
      if (given.pulumi === true) await bringUpPulumi(layoutOf(labHome()), status.registry.address, console, signal)
      if (started.length === 0) console.success(`the lab is up already: ${describeClusters(status)}; nothing to do`)
      if (given.helm !== undefined) console.success(`the scripts use ${status.helm}`)
      if (given.kubectl !== undefined) console.success(`the scripts use ${status.kubectl}`)
      if (status.faults.length > 0) console.warning(`faults are set: ${status.faults.join(', ')}; npx zx scripts/lab.ts fault clear`)
      if (!(await isTreePushed(status))) {
        const replaces = 'a push replaces what is there, and what an upgrade has committed'
        console.warning(`the lab's Git differs from kubernetes/; ${replaces}: npx zx scripts/lab.ts push`)
      }
      if (started.length > 0) console.faint('eval "$(npx zx scripts/lab.ts env)" lets kubectl, helm, flux and git reach it')
      return {
        ...(started.length === 0 ? unchanged : done),
        document: { up: true, home: labHome(), ...status, ...rehearsalFields(), started },
      }
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
            : `the lab is down; what a killed one had left is cleared (${counted(taken.left.length, 'process', 'processes')})`,
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
        const width = process.stdout.columns ?? 1000
        const layout = layoutOf(labHome())
        if (given.json !== true) print([...describeStatus(status, labHome(), width), ...describeRehearsal(readRehearsal(layout), width)])
        return { ...done, document: { up: true, home: labHome(), kubeconfig: layout.kubeconfig, ...status, ...rehearsalFields() } }
      }
      const left = leftovers(layoutOf(labHome()).processes)
      const names = left.map(({ name, pid }) => `${name} (${pid})`).join(', ')
      const also = left.length === 0 ? [] : [`Its supervisor was killed and left ${names}; the next up (or down) clears that.`]
      if (given.json !== true) print([`The lab in ${labHome()} is down.`, ...also])
      return { ...done, document: { up: false, home: labHome(), left } }
    },
  },
  build: {
    summary: 'builds the executables, unless they exist',
    usage: '',
    words: none,
    flags: { flux, helm, kubectl, pulumi },
    async run({ given, console, signal }) {
      const { bin } = await ensureExecutables(console, signal, versionsOf(given.flux))
      if (given.helm === '3') console.success(`helm 3 is ${await ensureHelm3(console, signal)}`)
      if (given.kubectl === olderKubectl) console.success(`kubectl ${olderKubectl} is ${await ensureOlderKubectl(console, signal)}`)
      if (given.pulumi === true) console.success(describePulumi(await ensurePulumi(console, signal)))
      console.success(`the executables are in ${bin}`)
      return done
    },
  },
  env: envCommand,
  push: {
    summary: "commits this tree's kubernetes/ to the lab's Git, with the lab's addresses",
    usage: '',
    words: none,
    flags: {
      message: { type: 'string', value: 'TEXT', help: 'the commit message (-m)' },
      overwrite: { type: 'boolean', help: "replace what others have committed to kubernetes/ in the lab's Git" },
      json,
    },
    async run({ given, console }) {
      const pushed = await push({ message: textOf(given.message, 'Change the tree'), overwrite: given.overwrite === true })
      const what = readRehearsal(layoutOf(labHome()))?.from ?? 'kubernetes/'
      if (pushed.is === 'pushed') console.success(`${what} is in the lab's Git, commit ${pushed.commit.slice(0, 12)}`)
      else console.success(`the lab's Git has this very tree already, commit ${pushed.commit.slice(0, 12)}`)
      return { ...(pushed.is === 'pushed' ? done : unchanged), document: { commit: pushed.commit } }
    },
  },
  fault: faultCommand,
  snapshot: {
    summary: 'saves the state of clusters and Git',
    usage: 'NAME',
    words: { least: 1, most: 1 },
    flags: {},
    async run({ words: [name = ''], console, signal }) {
      checkSnapshotName(name)
      const waiting = console.wait(`keeping ${name}`)
      await reportLab({ do: 'snapshot', name }, (text) => waiting.on(text), signal).catch(stopping(waiting))
      waiting.success(`clusters and Git are kept as "${name}": npx zx scripts/lab.ts reset ${name}`)
      return done
    },
  },
  reset: {
    summary: 'restores clusters and Git from a snapshot',
    usage: 'NAME',
    words: { least: 0, most: 1 },
    flags: {},
    async run({ words: [name = ''], console, signal }) {
      checkSnapshot(layoutOf(labHome()), name)
      const waiting = console.wait(`resetting to ${name}`)
      await reportLab({ do: 'reset', name }, (text) => waiting.on(text), signal).catch(stopping(waiting))
      waiting.success(`clusters and Git are as they were at "${name}"`)
      return done
    },
  },
  wipe: {
    summary: 'replaces a cluster by an empty one at the same address; Git stays',
    usage: '',
    words: none,
    flags: { context },
    async run({ given, console, signal }) {
      const name = clusterOf(given)
      const waiting = console.wait(`wiping ${name}`)
      await reportLab({ do: 'wipe', cluster: name }, (text) => waiting.on(text), signal).catch(stopping(waiting))
      waiting.success(`${name} is an empty cluster now`)
      return done
    },
  },
  logs: {
    isInteractive: true,
    summary: 'shows the log of a process or a container',
    usage: 'NAME',
    words: { least: 1, most: 1 },
    flags: { follow: { type: 'boolean', help: 'follow the log (-f)' }, context },
    async run({ words: [name = ''], given }) {
      return { exitCode: await showLogs(name, `lab-${clusterOf(given)}`, given.follow === true, await labStatus()) }
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
      return { exitCode: await runInteractively([`${bin}/kubectl`, '--context', `lab-${clusterOf(given)}`, ...rest], env) }
    },
  },
}

/** The cluster of the lab that --context names. Throws a usage error where there is none of that name. */
function clusterOf(given: Parameters<LabCommand['run']>[0]['given']): string {
  const name = textOf(given.context, 'lab-infra').replace(/^lab-/, '')
  checkCluster(layoutOf(labHome()), name)
  return name
}

function stopping(waiting: { stop: () => void }): (error: unknown) => never {
  return (error) => {
    waiting.stop()
    throw error
  }
}
