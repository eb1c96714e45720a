import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { expect, test } from 'vitest'

/** From the bottom up: a folder of lib/ imports from those before it, and from itself. */
const layers = [
  'base',
  'process',
  'terminal',
  'kubernetes',
  'tools',
  'connection',
  'flux',
  'runner',
  'desired-state',
  'continuity',
  'ownership',
  'capture',
  'preflight',
  'health',
  'notify',
  'commands',
]
/** A command builds on another one only where it runs it. */
const commands: Readonly<Record<string, readonly string[]>> = {
  bootstrap: ['validate'],
  rebuild: ['teardown', 'bootstrap', 'restore'],
  upgrade: ['bootstrap'],
  rollback: ['upgrade'],
  recover: ['upgrade', 'teardown', 'bootstrap', 'restore', 'health-check'],
}

test('the folders of lib/ are the layers, and nothing lies loose beside them', () => {
  expect(readdirSync('lib').sort()).toEqual([...layers, 'loader'].sort())
})

test('the folders of test/unit/ are those of lib/; what holds for the whole lies beside them', () => {
  const folders = readdirSync('test/unit', { withFileTypes: true }).filter((entry) => entry.isDirectory())
  expect(folders.map(({ name }) => name).filter((name) => ![...layers, 'loader', 'lab', 'installed'].includes(name))).toEqual([])
  const commandsTested = readdirSync('test/unit/commands').filter((name) => !name.endsWith('.ts'))
  expect(commandsTested.filter((name) => !readdirSync('lib/commands').includes(name))).toEqual([])
})

test('imports go down only', () => {
  const upward = readdirSync('lib', { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => join('lib', path))
    .flatMap((file) => {
      const [, layer = '', command = ''] = file.split('/')
      return [...readFileSync(file, 'utf8').matchAll(/(?:from |import\()'(\.[^']+)'/g)].flatMap(([, path = '']) => {
        const [top, other = '', part = ''] = normalize(join(dirname(file), path)).split('/')
        if (top !== 'lib') return []
        const isDown = layers.indexOf(other) <= layers.indexOf(layer)
        const isAside =
          layer === 'commands' && other === 'commands' && !part.endsWith('.ts') && part !== command && !commands[command]?.includes(part)
        return isDown && !isAside ? [] : [`${file} -> ${path}`]
      })
    })
  expect(upward).toEqual([])
})
