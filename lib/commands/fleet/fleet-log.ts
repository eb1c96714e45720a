import { appendToFile } from '../../base/write-atomic.ts'

/** A log that only grows: what is said before it has a file is kept, and comes first. */
export interface FleetLog {
  readonly line: (text: string) => void
  readonly keepIn: (file: string) => void
}

/** A log in which everything is cleaned. It never throws: what is logged does not decide what is done. */
export function openFleetLog(clean: (text: string) => string): FleetLog {
  let file: string | undefined
  let early = ''
  const append = (text: string): void => {
    if (file === undefined) early += text
    else appendTo(file, text)
  }
  return {
    line: (text) => append(`${new Date().toISOString()} ${clean(text)}\n`),
    keepIn(path) {
      file = path
      appendTo(file, early)
      early = ''
    },
  }
}

function appendTo(file: string, text: string): void {
  try {
    appendToFile(file, text)
  } catch {
    // A full disk ends no run: each cluster's own run has its report.
  }
}
