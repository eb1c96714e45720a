import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { parse } from 'yaml'
import { substitute } from '../../lib/desired-state/substitution.ts'

const file = 'kubernetes/infrastructure/gitops/flux-monitoring/prometheusrule.yaml'
const texts = v.record(v.string(), v.string())
const groupSchema = v.looseObject({
  name: v.string(),
  rules: v.array(v.looseObject({ alert: v.string(), expr: v.string(), labels: texts, annotations: texts })),
})

/** The groups of the tree's PrometheusRule, in the form of a rule file. */
export const groups = v.parse(
  v.object({ spec: v.object({ groups: v.array(groupSchema) }) }),
  parse(substitute(readFileSync(file, 'utf8'), {}, file)),
).spec.groups

export const rules = groups.flatMap((group) => group.rules)

/** A metric as an expression asks for it, and the labels it uses. */
export interface Selector {
  readonly metric: string
  readonly labels: readonly string[]
}

/** The metrics that an expression asks for, each written with its braces. */
export function selectorsIn(expr: string): Selector[] {
  return [...expr.matchAll(/([a-z_:]+)\{([^}]*)\}/g)].map(([, metric = '', inside = '']) => ({
    metric,
    labels: [...inside.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, label = '']) => label),
  }))
}
