import * as v from 'valibot'
import type { KubeObject } from './objects.ts'

const selectorSchema = v.object({
  spec: v.object({
    selector: v.object({
      matchLabels: v.nullish(v.record(v.string(), v.string()), {}),
      matchExpressions: v.nullish(
        v.array(
          v.object({
            key: v.string(),
            operator: v.picklist(['In', 'NotIn', 'Exists', 'DoesNotExist']),
            values: v.nullish(v.array(v.string()), []),
          }),
        ),
        [],
      ),
    }),
  }),
})

function readSelector(workload: KubeObject): v.InferOutput<typeof selectorSchema>['spec']['selector'] {
  return v.parse(selectorSchema, workload).spec.selector
}

/** The selector by which a workload finds its pods, as the API and kubectl take it: `app=web,tier in (a,b)`. */
export function selectorOf(workload: KubeObject): string {
  const { matchLabels, matchExpressions } = readSelector(workload)
  const labels = Object.entries(matchLabels ?? {}).map(([name, value]) => `${name}=${value}`)
  const expressions = (matchExpressions ?? []).map(({ key, operator, values }) => {
    if (operator === 'Exists') return key
    if (operator === 'DoesNotExist') return `!${key}`
    return `${key} ${operator === 'In' ? 'in' : 'notin'} (${(values ?? []).join(',')})`
  })
  return [...labels, ...expressions].join(',')
}

/** Whether a workload's selector matches a pod of its namespace, as the API decides it. */
export function isSelected(workload: KubeObject, { metadata: { labels } }: Pick<KubeObject, 'metadata'>): boolean {
  const { matchLabels, matchExpressions } = readSelector(workload)
  const isMatched = Object.entries(matchLabels ?? {}).every(([name, value]) => labels[name] === value)
  const isMet = (matchExpressions ?? []).every(({ key, operator, values }) => {
    const value = labels[key]
    if (operator === 'Exists') return value !== undefined
    if (operator === 'DoesNotExist') return value === undefined
    const isOneOf = value !== undefined && (values ?? []).includes(value)
    return operator === 'In' ? isOneOf : !isOneOf
  })
  return isMatched && isMet
}
