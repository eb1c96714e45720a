import { describe, expect, test } from 'vitest'
import { describeFlags, parseFlags } from '../../../lib/terminal/flags.ts'
import { clusterFlags } from '../../../lib/runner/command-line.ts'

const flags = {
  ...clusterFlags,
  to: { type: 'string', value: 'X.Y.Z', help: 'the version', format: 'version' },
  via: { type: 'string', value: 'WAY', help: 'how', choices: ['operator', 'flux'] },
  resume: { type: 'string', value: 'RUN', help: 'continue', optional: true },
  include: { type: 'string', value: 'KIND/NAME', help: 'this too', repeats: true },
} as const

const parse = (...args: string[]) => parseFlags('upgrade', flags, args).values

describe('flags that are right', () => {
  test('keep their text: nothing becomes a number', () => {
    expect(parse('--to', '2.10.0', '--context', '1e3')).toEqual({ to: '2.10.0', context: '1e3' })
  })
  test('may be written with an equals sign', () => {
    expect(parse('--to=2.9.5', '--yes')).toEqual({ to: '2.9.5', yes: true })
  })
  test('may be given again where a list is wanted', () => {
    expect(parse('--include', 'a/b,c/d', '--include=e/f')).toEqual({ include: 'a/b,c/d,e/f' })
  })
  test('may leave out an optional value, even before another flag', () => {
    expect(parse('--resume')).toEqual({ resume: '' })
    expect(parse('--resume', '--yes')).toEqual({ resume: '', yes: true })
    expect(parse('--resume', '20261122T130000000Z-upgrade')).toEqual({ resume: '20261122T130000000Z-upgrade' })
  })
})

describe('flags that are wrong', () => {
  test.each([
    [['--contxt', 'infra'], 'there is no flag --contxt; did you mean --context?'],
    [['--dryrun'], 'there is no flag --dryrun; did you mean --dry-run?'],
    [['--lba'], 'there is no flag --lba; did you mean --lab?'],
    [['--xyzzy'], 'there is no flag --xyzzy'],
    [['--constructor'], 'there is no flag --constructor'],
    [['--__proto__=x'], 'there is no flag --__proto__'],
    [['-y'], 'there is no flag -y; did you mean --yes?'],
    [['--yes=false'], '--yes takes no value, but was given "false"'],
    [['--context'], '--context needs a value: --context NAME'],
    [['--context='], '--context needs a value: --context NAME'],
    [['--context', '--yes'], '--context needs a value: --context NAME'],
    [['--context', 'a', '--context', 'b'], '--context is given twice'],
    [['--timeout', '10'], '--timeout takes a duration such as 90s, 10m or 1h30m; not "10"'],
    [['--timeout', '0s'], '--timeout takes a duration such as 90s, 10m or 1h30m; not "0s"'],
    [['--to', 'v2.9'], '--to takes a version X.Y.Z; not "v2.9"; did you mean 2.9.0?'],
    [['--to', 'latest'], '--to takes a version X.Y.Z; not "latest"'],
    [['--via', 'fluxx'], '--via is one of operator, flux; not "fluxx". Did you mean flux?'],
    [['infra'], '"infra" is not a flag; flags begin with --'],
  ])('%j: %s', (args, message) => {
    expect(() => parse(...args)).toThrow(expect.objectContaining({ message, kind: 'usage' }))
  })
})

test('a flag that other scripts take is refused with the reason, and the way out', () => {
  const { resume: _, ...some } = flags
  const refused = { resume: 'each run checks everything again' }
  expect(() => parseFlags('health-check', some, ['--resume'], 0, refused)).toThrow(
    expect.objectContaining({
      message: 'health-check takes no --resume: each run checks everything again',
      remedy: 'leave --resume out',
    }),
  )
})

test('-h is --help', () => {
  expect(parse('-h')).toEqual({ help: true })
  expect(() => parse('--context', '-h')).toThrow('--context needs a value')
})

test('help fits the terminal: what does not stands below where it began', () => {
  const some = { lab: { type: 'boolean', help: 'use the lab on this machine, started if necessary' } } as const
  expect(describeFlags(some, 40).split('\n')).toEqual(['  --lab  use the lab on this machine,', '         started if necessary'])
  expect(describeFlags(some, 80)).toBe('  --lab  use the lab on this machine, started if necessary')
})
