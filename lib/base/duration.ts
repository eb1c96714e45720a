const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const

const part = /(\d+(?:\.\d+)?)(ms|s|m|h)/y

/** Milliseconds of `90s`, `10m`, `1h30m`, `1.5h` or `500ms`, as Flux's objects may have them; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  let milliseconds = 0
  part.lastIndex = 0 // where the next part is to begin; 0 again once there is none
  do {
    const [, amount, unit] = part.exec(text) ?? []
    if (unit !== 'ms' && unit !== 's' && unit !== 'm' && unit !== 'h') return undefined
    milliseconds += Number(amount) * units[unit]
  } while (part.lastIndex < text.length)
  return milliseconds
}

/** `0.4 s`, `12 s`, `3 m 05 s`: short enough for a line of progress. */
export function showDuration(milliseconds: number): string {
  if (milliseconds < 9_950) return `${(milliseconds / 1000).toFixed(1)} s`
  const seconds = Math.round(milliseconds / 1000)
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${String(seconds % 60).padStart(2, '0')} s`
  return `${Math.floor(seconds / 3600)} h ${String(Math.floor((seconds % 3600) / 60)).padStart(2, '0')} m`
}
