import type { Flags } from '../../terminal/flags.ts'

export const upgradeFlags = {
  to: { type: 'string', value: 'X.Y.Z', help: 'the version of Flux', format: 'version', required: 'required unless --operator' },
  operator: { type: 'string', value: 'X.Y.Z', help: 'the version of flux-operator; it is upgraded first', format: 'version' },
  branch: { type: 'string', value: 'NAME', help: 'propose the change on this branch, wait for the merge, then follow' },
  'no-rollback': { type: 'boolean', help: 'if the upgrade fails, do not roll back' },
  'no-image-check': { type: 'boolean', help: 'skip the check that starts each new image once beside the old one' },
  force: { type: 'boolean', help: 'upgrade even if Flux is not healthy, or Git has objects that the new version cannot apply' },
} as const satisfies Flags

export const rollbackFlags = {
  to: { type: 'string', value: 'X.Y.Z', help: 'the version of Flux; default: the previous one in Git', format: 'version' },
  branch: { type: 'string', value: 'NAME', help: 'propose the change in Git on NAME-rollback, and wait for the merge' },
  'no-image-check': { type: 'boolean', help: 'skip the check that starts each image once beside the old one' },
} as const satisfies Flags
