import { describe, expect, test } from 'vitest'
import { BadSubstitution, evaluate, isVariableName } from '../../../lib/desired-state/substitution.ts'

const variables = { V: 'hello world', E: '', P: '/usr/local/bin/tool.tar.gz', U: 'ünï', N: '10.0.0.1/24' }

/** What fluxcd/pkg envsubst v1.7.1 gave for each form with these variables; undefined where it refused it. */
const forms: readonly [string, string | undefined][] = [
  ['${V}', 'hello world'],
  ['${E}', ''],
  ['${X}', ''],
  ['$${V}', '${V}'],
  ['a$$b', 'a$b'],
  ['$V', '$V'],
  ['${V:-x}', 'hello world'],
  ['${X:-x}', 'x'],
  ['${E:-x}', 'x'],
  ['${X:=x}', 'x'],
  ['${X=x}', 'x'],
  ['${E=x}', 'x'],
  ['${X:=${V}}', 'hello world'],
  ['${X:=${Y:=deep}}', 'deep'],
  ['${X:=pre-${V}-post}', 'pre-hello world-post'],
  ['${X:-a b: c}', 'a b: c'],
  ['${X:?oops}', 'oops'],
  ['${X:+alt}', 'alt'],
  ['${V:+alt}', 'hello world'],
  ['${V-x}', undefined],
  ['${X:=}', ''],
  ['${V^}', 'Hello world'],
  ['${V^^}', 'HELLO WORLD'],
  ['${V,}', 'hello world'],
  ['${V,,}', 'hello world'],
  ['${U^}', 'Ünï'],
  ['${#V}', '11'],
  ['${#U}', '5'],
  ['${V:0:3}', 'hel'],
  ['${V:6}', 'world'],
  ['${V:-5}', 'hello world'],
  ['${V:1:-1}', 'ello worl'],
  ['${V: -3}', 'hello world'],
  ['${V:x}', 'hello world'],
  ['${V:0:x}', 'hello world'],
  ['${V:20}', ''],
  ['${U:0:2}', 'ü'],
  ['${P#/}', 'usr/local/bin/tool.tar.gz'],
  ['${P#*/}', 'usr/local/bin/tool.tar.gz'],
  ['${P##*/}', 'tool.tar.gz'],
  ['${P%.*}', '/usr/local/bin/tool.tar'],
  ['${P%%.*}', '/usr/local/bin/tool'],
  ['${P%.gz}', '/usr/local/bin/tool.tar'],
  ['${V/l/L}', 'heLlo world'],
  ['${V//l/L}', 'heLLo worLd'],
  ['${V/#hello/bye}', 'bye world'],
  ['${V/%world/moon}', 'hello moon'],
  ['${V/ /}', 'helloworld'],
  ['${V// /_}', 'hello_world'],
  ['${N//\\//-}', '10.0.0.1-24'],
  ['${N/\\/24/}', '10.0.0.1'],
  ['${V/l}', undefined],
  ['${V', undefined],
  ['${}', undefined],
  ['${ V }', undefined],
  ['${V!}', undefined],
  ['${V.x}', undefined],
  ['text ${V} and ${X:=d} end', 'text hello world and d end'],
  ['${X:=a}b}', 'ab}'],
  ['${X:="q"}', '"q"'],
  ['{{ $x }} ${V}', '{{ $x }} hello world'],
  ['$${V:-x} ${V}', '${V:-x} hello world'],
  ['$$$${V}', '$${V}'],
  ['${V:=a}${V}', 'hello worldhello world'],
  ['$(V) $', '$(V) $'],
  ['${P#[/x]}', 'usr/local/bin/tool.tar.gz'],
  ['${P##*[a-z]/}', 'tool.tar.gz'],
  ['${V#h?l}', 'lo world'],
  ['${V%o*}', 'hello w'],
  ['${V%%o*}', 'hell'],
  ['${1}', ''],
  ['${V:0:${X:=2}}', 'he'],
  ['${V/${X:=l}/L}', 'heLlo world'],
  ['${X:=a$${V}b}', 'a$hello worldb'],
  ['${X:=a\\}b}', 'a\\b}'],
  ['${V/\\//x}', 'hello world'],
]

describe('substitution in every form that Flux has', () => {
  test.each(forms)('%s gives what Flux gives', (form, gives) => {
    if (gives === undefined) expect(() => evaluate(form, variables)).toThrow(BadSubstitution)
    else expect(evaluate(form, variables).text).toBe(gives)
  })

  test('a hyphen in a pattern is one, as in Go (path.Match)', () => {
    expect(evaluate('${x%-*} ${x##*-} ${x#[a-c]-}', { x: 'a-b-c' }).text).toBe('a-b c b-c')
  })
  test('a variable without a value is missing, unless it has a default', () => {
    expect(evaluate('${A} ${B:=b} ${C^^} ${D:-${F}} ${V} ${E} $${G}', variables).missing).toEqual(['A', 'C', 'F'])
    expect(evaluate('${toString}', variables).missing).toEqual(['toString'])
  })

  test('a value of several lines is put in as one', () => {
    expect(evaluate('a: ${lines}', { lines: 'one\ntwo\n' }).text).toBe('a: onetwo')
  })

  test('what is refused is named as it is written', () => {
    expect(() => evaluate('a: ${V}\nb: ${V!}\n', variables)).toThrow('${V!} is bad substitution')
    expect(() => evaluate('b: ${V\n', variables)).toThrow('${V is bad substitution')
  })

  test.each([
    ['cluster_domain', true],
    ['_A1', true],
    ['cluster-domain', false],
    ['1st', false],
  ])('%s as the name of a variable: %s', (name, isOne) => {
    expect(isVariableName(name)).toBe(isOne)
  })
})
