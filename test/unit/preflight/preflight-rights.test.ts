import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { bootstrapRights, monitoringRights, takeOverRights } from '../../../lib/preflight/install-rights.ts'
import { captureRights, restoreRights } from '../../../lib/preflight/capture-rights.ts'
import { shippedRole } from '../../../lib/preflight/rights.ts'
import { teardownRights } from '../../../lib/commands/teardown/checks/rights.ts'
import { upgradeRights } from '../../../lib/commands/upgrade/checks/rights.ts'
import { projectRoot } from '../../../lib/base/paths.ts'

const texts = v.array(v.string())
const roleSchema = v.object({
  kind: v.literal('ClusterRole'),
  metadata: v.object({ name: v.string() }),
  rules: v.array(v.object({ apiGroups: texts, resources: texts, resourceNames: v.optional(texts, ['']), verbs: texts })),
})
const role = v.parse(roleSchema, parse(readFileSync(join(projectRoot, shippedRole.file), 'utf8')))

test('the role that is shipped holds what the procedures need, and nothing else', () => {
  const held = role.rules.flatMap(({ apiGroups, resources, resourceNames, verbs }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource) => resourceNames.flatMap((name) => verbs.map((verb) => `${verb} ${resource}.${group} ${name}`))),
    ),
  )
  const rights = [
    ...bootstrapRights('flux-system', 'kube-system'),
    ...takeOverRights('flux-system'),
    ...monitoringRights('flux-system'),
    ...captureRights('flux-system'),
    ...restoreRights('kube-system'),
    ...teardownRights('flux-system', 'kube-system', true),
    ...upgradeRights('flux-system', 'kube-system', true),
    // No preflight asks for what a run can do without.
    { group: 'events.k8s.io', resource: 'events', verbs: ['create'] },
    { group: '', resource: 'pods/log', verbs: ['get'] },
    { group: '', resource: 'nodes', verbs: ['get'] },
  ]
  const needed = rights.flatMap(({ group, resource, name = '', verbs }) => verbs.map((verb) => `${verb} ${resource}.${group} ${name}`))
  expect(role.metadata.name).toBe(shippedRole.name)
  expect(new Set(held)).toEqual(new Set(needed))
  expect(held).toHaveLength(new Set(held).size)
})
