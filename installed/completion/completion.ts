import { exitCodes, OperatorError } from '../../lib/base/errors.ts'
import { nearest } from '../../lib/base/nearest.ts'
import { inOneLine, visible } from '../../lib/base/outside-text.ts'
import { readDescriptions } from '../command-descriptions.ts'
import { candidatesFor } from './candidates.ts'
import { type Shell, shellScripts } from './shell-scripts.ts'
import { valuesHere } from './values.ts'

/**
 * Prints a shell's completion script on stdout. Returns exit code 0.
 * @throws OperatorError `usage` for a shell that it has none for
 */
export function printShellScript([shell = '', ...more]: readonly string[]): number {
  const shells = Object.keys(shellScripts)
  if (shell === '--help' || shell === '-h') {
    process.stdout.write(`Usage:\n  flux-runbook completion ${shells.join('|')}\n\nThe first line of each says how to load it.\n`)
    return exitCodes.done
  }
  if (!isShell(shell) || more.length > 0) {
    const close = nearest(shell, shells)
    throw new OperatorError(`completion is for one of ${shells.join(', ')}${shell === '' ? '' : `; not "${[shell, ...more].join(' ')}"`}`, {
      kind: 'usage',
      remedy: `flux-runbook completion ${close ?? 'bash'}`,
    })
  }
  process.stdout.write(shellScripts[shell])
  return exitCodes.done
}

function isShell(word: string): word is Shell {
  return Object.hasOwn(shellScripts, word)
}

/** Prints what may stand in place of the last word, for the shell: a line for each, its meaning behind a tab. */
export function printCandidates(words: readonly string[]): number {
  for (const { word, meaning } of candidatesFor(words, readDescriptions(), valuesHere)) {
    process.stdout.write(`${visible(word)}\t${inOneLine(meaning)}\n`)
  }
  return exitCodes.done
}
