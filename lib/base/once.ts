/** The same look for several checks: taken when the first of them asks, and shared, its failure too. */
export function once<T>(look: () => Promise<T>): () => Promise<T> {
  let taken: Promise<T> | undefined
  return () => (taken ??= look())
}
