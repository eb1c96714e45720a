import { expect, test } from 'vitest'
import { parseLabCall } from '../../../lab/command-line.ts'
import { labCommands } from '../../../lab/commands.ts'

test.each([
  ['pus', 'there is no command "pus"; did you mean push?'],
  ['up --cluster apps', 'there is no flag --cluster; did you mean --clusters?'],
  ['up apps', 'up does not take "apps"'],
  ['push -m', '--message needs a value'],
  ['snapshot', 'snapshot wants NAME'],
  ['kubectl get nodes', 'kubectl does not take "get"'],
])('%s is refused', (line, message) => {
  expect(() => parseLabCall(line.split(' '))).toThrow(message)
})

test('what comes after -- is left as it was typed', () => {
  expect(parseLabCall(['kubectl', '--context', 'lab-apps', '--', 'logs', '-f', '--help'])).toMatchObject({
    is: 'command',
    name: 'kubectl',
    given: { context: 'lab-apps' },
    rest: ['logs', '-f', '--help'],
  })
})

test('short flags are the long ones', () => {
  expect(parseLabCall(['push', '-m', 'why'])).toMatchObject({ given: { message: 'why' } })
  expect(parseLabCall(['logs', '-f', 'etcd'])).toMatchObject({ given: { follow: true }, words: ['etcd'] })
})

test('help names every command, and every flag of one; none asked for is a usage error', () => {
  const help = parseLabCall(['--help'])
  for (const name of Object.keys(labCommands)) expect(help).toMatchObject({ text: expect.stringContaining(`  ${name} `), exitCode: 0 })
  expect(parseLabCall(['down', '-h'])).toMatchObject({ is: 'help', text: expect.stringContaining('--purge') })
  expect(parseLabCall([])).toMatchObject({ is: 'help', exitCode: 2 })
})
