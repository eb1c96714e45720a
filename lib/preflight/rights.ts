import { userInfo } from 'node:os'
import * as v from 'valibot'
import { ownFile } from '../base/paths.ts'
import { shellQuote } from '../base/shell-line.ts'
import type { Cluster } from '../kubernetes/client.ts'
import { ask, parseJson } from '../kubernetes/http.ts'
import { createPreflight, type Finding } from './preflight.ts'

/** Verbs on one resource: in one namespace, or everywhere where none is named. */
export interface Right {
  /** `""` is the core group. */
  readonly group: string
  readonly resource: string
  readonly verbs: readonly string[]
  readonly namespace?: string
  readonly name?: string
}

/** The ClusterRole that the project ships: every right that its procedures need, and no other. */
export const shippedRole = { name: 'flux-runbook-operator', file: 'kubernetes/rbac/flux-runbook-operator.yaml' } as const

/** Whether the person may do all of this, asked of the API itself; everything missing is reported at once. */
export async function checkRights(cluster: Cluster, rights: readonly Right[]): Promise<Finding[]> {
  // Administrators are many, and one question is enough for them.
  if (await isAllowed(cluster, { group: '*', resource: '*', verbs: [] }, '*')) return []
  const asked = await Promise.all(
    rights.map(async (right) => {
      const allowed = await Promise.all(right.verbs.map((verb) => isAllowed(cluster, right, verb)))
      return { ...right, verbs: right.verbs.filter((_, at) => !allowed[at]) }
    }),
  )
  const missing = asked.filter(({ verbs }) => verbs.length > 0)
  if (missing.length === 0) return []
  const user = await ownName(cluster)
  const list = missing.map((right) => `\n     ${describe(right)}`).join('')
  return [{ is: 'rights', what: `${user} lacks rights that this needs:${list}`, remedy: remedyFor(user) }]
}

/** Throws OperatorError `blocked` with all that is missing, where nothing else is to be checked beforehand. */
export async function verifyRights(cluster: Cluster, rights: readonly Right[]): Promise<void> {
  const preflight = createPreflight(cluster.signal)
  await preflight.check(() => checkRights(cluster, rights))
  preflight.conclude()
}

/** `get, patch deployments.apps in namespace flux-system`. */
function describe({ verbs, group, resource, namespace, name }: Right): string {
  const where = namespace === undefined ? '' : ` in namespace ${namespace}`
  return `${verbs.join(', ')} ${resource}${group === '' ? '' : `.${group}`}${name === undefined ? '' : ` ${name}`}${where}`
}

function remedyFor(user: string): string {
  const account = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(user)
  const subject = account === null ? shellQuote(`--user=${user}`) : `--serviceaccount=${account[1]}:${account[2]}`
  const bind = `kubectl create clusterrolebinding ${shippedRole.name} --clusterrole=${shippedRole.name} ${subject}`
  return `an administrator of the cluster: kubectl apply -f ${shellQuote(ownFile(shippedRole.file))} && ${bind}`
}

const accessSchema = v.object({ status: v.object({ allowed: v.optional(v.boolean(), false) }) })

async function isAllowed(cluster: Cluster, { group, resource, namespace, name }: Right, verb: string): Promise<boolean> {
  const [main = '', subresource] = resource.split('/')
  const resourceAttributes = {
    verb,
    group,
    resource: main,
    ...(subresource === undefined ? {} : { subresource }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
  }
  const review = await question(cluster, '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes },
  })
  return v.parse(accessSchema, review).status.allowed
}

const selfSchema = v.object({ status: v.object({ userInfo: v.object({ username: v.string() }) }) })

/** Who the API takes this person for. */
async function ownName(cluster: Cluster): Promise<string> {
  const self = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }
  const answer = await question(cluster, '/apis/authentication.k8s.io/v1/selfsubjectreviews', self).catch(() => undefined)
  return answer === undefined ? `${userInfo().username} (as kubectl logs in)` : v.parse(selfSchema, answer).status.userInfo.username
}

/** A POST that asks and changes nothing: it needs no lock. */
function question(cluster: Cluster, path: string, body: unknown): Promise<unknown> {
  const patience = { milliseconds: 10_000, trouble: () => undefined, over: () => undefined }
  const options = { patience, parse: parseJson, signal: cluster.signal }
  return ask(cluster.endpoint, { method: 'POST', path, body: JSON.stringify(body) }, options)
}
