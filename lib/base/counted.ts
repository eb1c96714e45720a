/** A number with what it counts: `1 object`, `2 objects`; `1 loss`, `2 losses`. */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`
}
