import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { inClusterOrder, savedClusters, treeClusters } from '../../lab/cluster-names.ts'
import { layoutOf } from '../../lab/layout.ts'
import { labHome } from '../../lab/home.ts'
import { expandHome, projectRoot, stateHome } from '../../lib/base/paths.ts'
import { readKubeconfigEntries } from '../../lib/connection/kubeconfig-files.ts'
import { contextFolder } from '../../lib/runner/run-store.ts'
import type { CompletionValues } from './candidates.ts'

/** The values that this machine has. Nothing here fails: what cannot be read is left out. */
export const valuesHere: CompletionValues = {
  contexts(kubeconfig, isLab) {
    if (isLab) return inClusterOrder([...treeClusters, ...savedClusters(layoutOf(labHome()))]).map((name) => `lab-${name}`)
    try {
      const named = kubeconfig?.startsWith('~/') === true ? expandHome(kubeconfig) : kubeconfig
      return [...new Set(readKubeconfigEntries(named).contexts.map(({ name }) => name))]
    } catch {
      return []
    }
  },
  clusters: () => namesIn(join(projectRoot, 'kubernetes', 'clusters')),
  runs(script, context, isLab) {
    const home = isLab ? join(labHome(), 'runs') : stateHome()
    const folders = context === undefined ? namesIn(home).map((name) => join(home, name)) : [contextFolder(home, context)]
    return folders
      .flatMap(namesIn)
      .filter((name) => /^\d{8}T\d+Z-/.test(name) && name.endsWith(`-${script}`))
      .sort()
      .reverse()
  },
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
