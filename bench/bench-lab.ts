import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { projectRoot } from '../lib/base/paths.ts'
import { findAccess } from '../lib/connection/kubeconfig.ts'
import { openProxy } from '../lib/connection/kubectl-proxy.ts'
import { clusterAt, type Cluster } from '../lib/kubernetes/client.ts'
import { makeTemporaryFolder } from '../lib/process/temporary-folder.ts'
import { type Console, createConsole } from '../lib/terminal/console.ts'
import { ensureLab, type LabAccess } from '../lab/client.ts'

/** A lab of its own, and how a contestant reaches it: as a person's cluster, with the lab's programs first on PATH. */
export interface BenchLab {
  readonly access: LabAccess
  readonly console: Console
  readonly env: NodeJS.ProcessEnv
  /** Runs one of the lab's commands. */
  readonly command: (...words: string[]) => Promise<void>
  readonly withCluster: (work: (cluster: Cluster) => Promise<void>) => Promise<void>
}

/** Does the work on a lab that is gone afterwards. */
export async function withBenchLab<T>(work: (lab: BenchLab) => Promise<T>): Promise<T> {
  const home = await mkdtemp(join(tmpdir(), 'frb-bench-'))
  process.env.FLUX_LAB_HOME = home
  const console = createConsole({ clean: (text) => text })
  const command = async (...words: string[]): Promise<void> =>
    void (await promisify(execFile)('npx', ['zx', 'scripts/lab.ts', ...words], { cwd: projectRoot }))
  try {
    const access = await ensureLab(['infra'], console)
    const env = {
      ...process.env,
      PATH: `${access.bin}:${process.env.PATH ?? ''}`,
      KUBECONFIG: access.kubeconfig,
      GIT_USERNAME: access.git.username,
      GIT_PASSWORD: access.git.password,
      GIT_ORIGIN: new URL(access.git.url).origin,
      XDG_STATE_HOME: join(home, 'state'),
    }
    return await work({ access, console, env, command, withCluster: (inCluster) => withCluster(access, inCluster) })
  } finally {
    await command('down')
    await rm(home, { recursive: true, force: true })
  }
}

async function withCluster({ bin, kubeconfig }: LabAccess, work: (cluster: Cluster) => Promise<void>): Promise<void> {
  const proxy = await openProxy(await findAccess(join(bin, 'kubectl'), 'lab-infra', kubeconfig), makeTemporaryFolder())
  const patience = { milliseconds: 30_000, trouble: () => undefined, over: () => undefined }
  try {
    await work(clusterAt(proxy.endpoint, patience, new AbortController().signal))
  } finally {
    await proxy.close()
  }
}
