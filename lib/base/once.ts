/** One read for several checks: done when the first of them asks, and shared, its failure too. */
export function once<T>(read: () => Promise<T>): () => Promise<T> {
  let taken: Promise<T> | undefined
  return () => (taken ??= read())
}
