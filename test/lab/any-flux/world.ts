import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gitLoginOf } from '../../../lib/connection/settings.ts'
import { probesNamed } from '../../../lib/health/all-probes.ts'
import { type ProbeResult, runProbes } from '../../../lib/health/probe.ts'
import { createSnapshot } from '../../../lib/health/snapshot.ts'
import type { Cluster } from '../../../lib/kubernetes/client.ts'
import { kinds, type Kind } from '../../../lib/kubernetes/objects.ts'
import { onChange } from '../../../lib/kubernetes/watch.ts'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import type { TestLab } from '../harness.ts'
import { openWorkstation, type Workstation, type WorkstationOptions } from './workstation.ts'

/** A Flux on the lab, the machine of the person who has it, and the probes' checks it. */
export interface World {
  readonly lab: TestLab
  readonly cluster: Cluster
  readonly workstation: Workstation
  /** The probes that are not content, or of those that are named. */
  readonly turned: (options?: LookOptions) => Promise<ProbeResult[]>
  /** Waits on watches until it is so. */
  readonly until: (isSo: () => Promise<boolean>) => Promise<void>
  readonly close: () => Promise<void>
}

export interface LookOptions {
  readonly only?: string
  readonly monitoring?: string | undefined
}

/** What changes while Flux breaks and is repaired. */
const watched: readonly Kind[] = [kinds.deployment, kinds.crd, kinds.pod, fluxKinds.gitRepository, fluxKinds.kustomization]

export async function openWorld(lab: TestLab, options: WorkstationOptions): Promise<World> {
  const workstation = await openWorkstation(lab, options)
  const cluster = await lab.cluster('lab-infra')
  const { git } = await lab.access()
  const folder = mkdtempSync(join(tmpdir(), 'frb-health-'))
  const snapshot = {
    cluster,
    kubectl: 'kubectl',
    where: `--context ${options.context}`,
    login: gitLoginOf({ GIT_USERNAME: git.username, GIT_PASSWORD: git.password }, git.url),
    folder: () => folder,
  }
  return {
    lab,
    cluster,
    workstation,
    async turned({ only, monitoring } = {}) {
      return (await runProbes(probesNamed(only), createSnapshot({ ...snapshot, monitoring }))).filter(({ state }) => state !== 'ok')
    },
    async until(isSo) {
      const changes = onChange(
        cluster,
        watched.map((kind) => ({ kind, query: {} })),
      )
      try {
        while (!(await isSo())) await changes.next(1000)
      } finally {
        changes.stop()
      }
    },
    close() {
      workstation.remove()
      rmSync(folder, { recursive: true, force: true })
      return lab.close()
    },
  }
}
