import * as v from 'valibot'
import type { Console } from '../lib/terminal/console.ts'
import { OperatorError } from '../lib/base/errors.ts'
import { nearest } from '../lib/base/nearest.ts'
import { labStatus, reportLab } from './client.ts'
import { done, json, type LabCommand, type Outcome, print, unchanged } from './command.ts'
import { shortName } from './show-status.ts'
import { faultNames, parseFault, parseFaultName } from './faults.ts'

/** `lab fault`. */
export const faultCommand: LabCommand = {
  summary: 'injects a fault into every cluster of the lab, or clears it; `fault list` explains them',
  usage: 'set NAME[=ARG] | clear [NAME] | list',
  words: { least: 1, most: 2 },
  flags: { json },
  run: async ({ words, given, console }) => runFault(words, given.json === true, console),
}

const faultVerbs = ['set', 'clear', 'list'] as const

async function runFault([verb = '', fault]: readonly string[], asJson: boolean, console: Console): Promise<Outcome> {
  if (verb === 'list') {
    const set = (await labStatus())?.faults ?? []
    if (!asJson) print(set.length === 0 ? ['No fault is set. There are:', ...Object.entries(faultNames).map(describeFault)] : set)
    return { ...done, document: { faults: set } }
  }
  if (verb === 'set' && fault !== undefined) {
    parseFault(fault)
    await reportLab({ do: 'fault-set', fault })
    for (const warning of await notRunning(fault)) console.warning(warning)
    console.success(`${fault} is set, on every cluster of the lab; to clear it: npx zx scripts/lab.ts fault clear ${fault}`)
    return done
  }
  if (verb === 'clear') {
    if (fault !== undefined) parseFaultName(fault.split('=')[0] ?? '')
    const answer = await reportLab({ do: 'fault-clear', ...(fault === undefined ? {} : { fault }) })
    const cleared = v.parse(v.array(v.string()), answer)
    console.success(
      cleared.length === 0
        ? fault === undefined
          ? 'no fault was set; nothing to do'
          : `${fault} was not set; nothing to do`
        : `cleared: ${cleared.join(', ')}`,
    )
    return cleared.length === 0 ? unchanged : done
  }
  const close = nearest(verb, faultVerbs)
  throw new OperatorError(verb === 'set' ? 'which fault?' : `fault takes set, clear or list; not "${verb}"`, {
    kind: 'usage',
    remedy: `npx zx scripts/lab.ts fault ${verb === 'set' ? 'list' : (close ?? 'list')}`,
  })
}

/** A fault of a Deployment that does not exist yet counts once it is; most likely its name is wrong. */
async function notRunning(text: string): Promise<string[]> {
  const { name, argument } = parseFault(text)
  if (name !== 'crash' && name !== 'partition') return []
  const wanted = argument.split(':')[0]?.replace(/^[^/]*\//, '') ?? '' // without the cluster that `crash` may name
  const processes = (await labStatus())?.processes.flatMap((one) => (one.image === undefined ? [] : [shortName(one.name)])) ?? []
  if (processes.length === 0 || processes.includes(wanted)) return []
  const close = nearest(wanted, processes)
  return [`no ${wanted} runs in the lab, so it takes effect once one does${close === undefined ? '' : `; did you mean ${close}?`}`]
}

function describeFault([name, { argument, effect }]: [string, { argument: string | undefined; effect: string }]): string {
  return `  ${(argument === undefined ? name : `${name}=${argument}`).padEnd(22)} ${effect}`
}
