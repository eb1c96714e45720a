import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { projectRoot } from '../../../lib/base/paths.ts'

const folder = join(projectRoot, 'lib/commands')
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
/** Each list of commands that a step's status is written with, with its file and what stands before and after it. */
const lists = files.flatMap((file) => {
  const text = readFileSync(join(folder, file), 'utf8')
  return [...text.matchAll(/\bcommands: \[([^\]]*)\](.*)/g)].map((found) => ({
    file,
    commands: found[1] ?? '',
    restOfLine: found[2] ?? '',
    before: text.slice(0, found.index),
    after: text.slice(found.index).split('\n').slice(1, 4).join('\n'),
  }))
})

test('a step that changes something shows what a person would type for it, or its code says why nobody would', () => {
  expect(lists.length).toBeGreaterThan(20)
  const silent = lists.filter(({ commands, restOfLine, before, after }) => {
    const risk = /.*\brisk: '(\w+)'/s.exec(before)?.[1]
    return commands === '' && risk !== 'safe' && !restOfLine.includes('//') && !/^\s*byHand: /m.test(after)
  })
  expect(silent.map(({ file, restOfLine }) => `${file}: commands: []${restOfLine}`)).toEqual([])
})

test('no step shows a command that only reads as its change; one that writes what it read to a file does', () => {
  const reading = lists.filter(({ commands }) => /\b(kubectl|flux)\b[^`'|>]* (get|describe|logs|tree|events) [^`'|>]*[`']/.test(commands))
  expect(reading.map(({ file, commands }) => `${file}: ${commands}`)).toEqual([])
})
