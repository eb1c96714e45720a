import type { Judgement } from './assess.ts'

/** For each object that others wait for without being wrong themselves: those that do, directly or not. */
export function rootCauses(judged: ReadonlyMap<string, Judgement>): ReadonlyMap<string, readonly string[]> {
  const roots = new Map<string, ReadonlySet<string>>()
  // Not by a function that calls itself: of a tenant, thousands may wait for each other in a row.
  const rootsOf = (first: string): ReadonlySet<string> => {
    const known = roots.get(first)
    if (known !== undefined) return known
    const path = [first]
    for (let name = path.at(-1); name !== undefined; name = path.at(-1)) {
      if (!roots.has(name)) roots.set(name, new Set([name])) // the first of a circle counts as its cause
      const judgement = judged.get(name)
      const needs = judgement?.is === 'waits' ? judgement.on : []
      const next = needs.find((need) => !roots.has(need))
      if (next !== undefined) path.push(next)
      else {
        if (needs.length > 0) roots.set(name, new Set(needs.flatMap((need) => [...(roots.get(need) ?? [])])))
        path.pop()
      }
    }
    return roots.get(first) ?? new Set()
  }
  const waiting = new Map<string, string[]>()
  for (const [name, judgement] of judged) {
    if (judgement.is !== 'waits') continue
    for (const root of rootsOf(name)) {
      const others = waiting.get(root)
      if (others === undefined) waiting.set(root, [name])
      else others.push(name)
    }
  }
  return waiting
}
