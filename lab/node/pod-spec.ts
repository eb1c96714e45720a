import * as v from 'valibot'
import type { KubeObject } from '../../lib/kubernetes/objects.ts'

const text = v.optional(v.string())
const keyOf = v.object({ name: v.string(), key: v.string(), optional: v.optional(v.boolean(), false) })
const allOf = v.object({ name: v.string(), optional: v.optional(v.boolean(), false) })

const variableSchema = v.object({
  name: v.string(),
  value: v.optional(v.string(), ''),
  valueFrom: v.optional(
    v.object({
      fieldRef: v.optional(v.object({ fieldPath: v.string() })),
      resourceFieldRef: v.optional(v.object({ resource: v.string(), containerName: text })),
      secretKeyRef: v.optional(keyOf),
      configMapKeyRef: v.optional(keyOf),
    }),
  ),
})

const probeSchema = v.object({
  httpGet: v.optional(v.object({ path: v.optional(v.string(), '/'), port: v.union([v.number(), v.string()]) })),
  periodSeconds: v.optional(v.number(), 10),
  timeoutSeconds: v.optional(v.number(), 1),
  failureThreshold: v.optional(v.number(), 3),
})

const quantities = v.optional(v.record(v.string(), v.union([v.string(), v.number()])), {})

const containerSchema = v.object({
  name: v.string(),
  image: v.string(),
  workingDir: text,
  args: v.optional(v.array(v.string()), []),
  env: v.optional(v.array(variableSchema), []),
  envFrom: v.optional(
    v.array(v.object({ prefix: v.optional(v.string(), ''), secretRef: v.optional(allOf), configMapRef: v.optional(allOf) })),
    [],
  ),
  ports: v.optional(v.array(v.object({ name: text, containerPort: v.number() })), []),
  volumeMounts: v.optional(v.array(v.object({ name: v.string(), mountPath: v.string(), subPath: v.optional(v.string(), '') })), []),
  terminationMessagePath: v.optional(v.string(), '/dev/termination-log'),
  readinessProbe: v.optional(probeSchema),
  resources: v.optional(v.object({ limits: quantities, requests: quantities }), {}),
})

const keyToPathSchema = v.object({ key: v.string(), path: v.string() })
const entries = { items: v.optional(v.array(keyToPathSchema)), optional: v.optional(v.boolean(), false) }
const fieldSchema = v.object({ path: v.string(), fieldRef: v.optional(v.object({ fieldPath: v.string() })) })

const volumeSchema = v.object({
  name: v.string(),
  emptyDir: v.optional(v.unknown()),
  persistentVolumeClaim: v.optional(v.object({ claimName: v.string() })),
  secret: v.optional(v.object({ secretName: v.string(), ...entries })),
  configMap: v.optional(v.object({ name: v.string(), ...entries })),
  projected: v.optional(
    v.object({
      sources: v.optional(
        v.array(
          v.object({
            serviceAccountToken: v.optional(v.object({ path: v.string() })),
            secret: v.optional(v.object({ name: v.string(), ...entries })),
            configMap: v.optional(v.object({ name: v.string(), ...entries })),
            downwardAPI: v.optional(v.object({ items: v.optional(v.array(fieldSchema), []) })),
          }),
        ),
        [],
      ),
    }),
  ),
})

const conditionSchema = v.looseObject({ type: v.string(), status: v.string(), lastTransitionTime: v.nullish(v.string()) })

const podSchema = v.object({
  metadata: v.object({
    name: v.string(),
    namespace: v.string(),
    uid: v.string(),
    generation: v.optional(v.number(), 1),
    deletionTimestamp: text,
    deletionGracePeriodSeconds: v.optional(v.number()),
    labels: v.record(v.string(), v.string()),
    annotations: v.record(v.string(), v.string()),
    ownerReferences: v.optional(v.array(v.object({ kind: v.string(), name: v.string() })), []),
  }),
  spec: v.object({
    nodeName: v.optional(v.string(), ''),
    serviceAccountName: v.optional(v.string(), 'default'),
    restartPolicy: v.optional(v.string(), 'Always'),
    schedulingGates: v.optional(v.array(v.unknown()), []),
    containers: v.array(containerSchema),
    volumes: v.optional(v.array(volumeSchema), []),
  }),
  status: v.optional(
    v.object({ phase: v.optional(v.string(), ''), podIP: text, startTime: text, conditions: v.optional(v.array(conditionSchema), []) }),
    {},
  ),
})

/** A pod, as far as the node checks it. */
export type Pod = v.InferOutput<typeof podSchema>
export type ContainerSpec = v.InferOutput<typeof containerSchema>
export type EnvVariable = v.InferOutput<typeof variableSchema>
export type ContainerProbe = v.InferOutput<typeof probeSchema>
export type Volume = v.InferOutput<typeof volumeSchema>
export type KeyToPath = v.InferOutput<typeof keyToPathSchema>
export type PodCondition = v.InferOutput<typeof conditionSchema>

/** Parses what the API says of a pod. */
export function parsePod(object: KubeObject): Pod {
  return v.parse(podSchema, object)
}

/** The pod's reference for the API client. */
export function podRef(pod: Pod): { apiVersion: string; kind: string; name: string; namespace: string } {
  return { apiVersion: 'v1', kind: 'Pod', name: pod.metadata.name, namespace: pod.metadata.namespace }
}

/** The Deployment a pod comes from, by the name of its ReplicaSet without the hash; '' for any other pod. */
export function deploymentOf(pod: Pod): string {
  const owner = pod.metadata.ownerReferences.find(({ kind }) => kind === 'ReplicaSet')
  const hash = pod.metadata.labels['pod-template-hash']
  return owner !== undefined && hash !== undefined && owner.name.endsWith(`-${hash}`) ? owner.name.slice(0, -hash.length - 1) : ''
}
