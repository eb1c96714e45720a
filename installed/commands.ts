/** Every command by its name: the scripts, each of which runs when it is imported. */
export const commands: Readonly<Record<string, () => Promise<unknown>>> = {
  bootstrap: () => import('../scripts/bootstrap.ts'),
  capture: () => import('../scripts/capture.ts'),
  drill: () => import('../scripts/drill.ts'),
  fleet: () => import('../scripts/fleet.ts'),
  'health-check': () => import('../scripts/health-check.ts'),
  lab: () => import('../scripts/lab.ts'),
  rebuild: () => import('../scripts/rebuild.ts'),
  recover: () => import('../scripts/recover.ts'),
  restore: () => import('../scripts/restore.ts'),
  rollback: () => import('../scripts/rollback.ts'),
  teardown: () => import('../scripts/teardown.ts'),
  upgrade: () => import('../scripts/upgrade.ts'),
  validate: () => import('../scripts/validate.ts'),
}
