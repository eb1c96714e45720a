import type { Judgement } from './assess.ts'

/** For each object that others wait for without being wrong themselves: those that do, directly or not. */
export function rootCauses(judged: ReadonlyMap<string, Judgement>): ReadonlyMap<string, readonly string[]> {
  const roots = new Map<string, ReadonlySet<string>>()
  const rootsOf = (name: string): ReadonlySet<string> => {
    const known = roots.get(name)
    if (known !== undefined) return known
    roots.set(name, new Set([name])) // the first of a circle counts as its cause
    const judgement = judged.get(name)
    if (judgement?.is === 'waits') roots.set(name, new Set(judgement.on.flatMap((need) => [...rootsOf(need)])))
    return roots.get(name) ?? new Set()
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
