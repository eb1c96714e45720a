import { ensureExecutables, ensureMonitoring, ensureSshServer } from '../../lab/build/executables.ts'
import { olderFlux } from '../../lab/build/recipe.ts'
import { createConsole } from '../../lib/console.ts'

/** Builds, before the first lab test and under no test's timeout, whatever is not built yet: minutes the first time, nothing after that. */
export default async function buildExecutables(): Promise<void> {
  const console = createConsole({ clean: (text) => text })
  await ensureExecutables(console, undefined, olderFlux)
  await ensureMonitoring(console)
  await ensureSshServer(console)
}
