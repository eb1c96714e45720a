/** One read for several checks: done when the first of them asks, and shared, its failure too. */
export function once<T>(read: () => Promise<T>): () => Promise<T> {
  let taken: Promise<T> | undefined
  return () => (taken ??= read())
}

/** The same for many reads of one sort, each known by a key. */
export function onceEach<K, T>(keyOf: (asked: K) => string, read: (asked: K) => Promise<T>): (asked: K) => Promise<T> {
  const taken = new Map<string, Promise<T>>()
  return (asked) => {
    const key = keyOf(asked)
    const reading = taken.get(key) ?? read(asked)
    taken.set(key, reading)
    return reading
  }
}
