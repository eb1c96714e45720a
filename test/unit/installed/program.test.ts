import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { commands } from '../../../installed/commands.ts'
import { withInstalledCalls } from '../../../installed/installed-calls.ts'
import { unknownCommand } from '../../../installed/program.ts'
import { packageRoot } from '../../../lib/base/paths.ts'

test('every script is a command of the installed program', () => {
  expect(Object.keys(commands).sort()).toEqual(readdirSync('scripts').map((name) => basename(name, '.ts')))
})

test('a word that is not a command is answered with the nearest one', () => {
  expect(unknownCommand('helth').message).toBe('there is no command "helth"; did you mean health-check?')
  expect(unknownCommand('boostrap').message).toBe('there is no command "boostrap"; did you mean bootstrap?')
  expect(unknownCommand('xyzzy').message).toBe('there is no command "xyzzy"')
})

describe('texts that call a script', () => {
  test('call the installed command in the package', () => {
    expect(withInstalledCalls("remedy: 'npx zx scripts/lab.ts up',")).toBe("remedy: 'flux-runbook lab up',")
    expect(withInstalledCalls('`npx zx scripts/${script}.ts ${where}`')).toBe('`flux-runbook ${script} ${where}`')
    const or = "`npx zx scripts/${isNew === undefined ? 'bootstrap' : name}.ts --lab`"
    expect(withInstalledCalls(or)).toBe("`flux-runbook ${isNew === undefined ? 'bootstrap' : name} --lab`")
  })

  test('are written so that the build finds them all', () => {
    const files = ['lib', 'lab', 'scripts'].flatMap((folder) =>
      readdirSync(join(packageRoot, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .map((name) => join(folder, name)),
    )
    // What is neither text for people nor their own words: the form in which a checkout starts a script.
    const others = ['lib/process/own-module.ts', 'lib/commands/validate/documents.ts', 'lib/terminal/wrap.ts']
    const left = files.filter((file) => /npx zx|'npx', 'zx'/.test(withInstalledCalls(readFileSync(join(packageRoot, file), 'utf8'))))
    expect(left.filter((file) => !others.includes(file))).toEqual([])
  })
})
