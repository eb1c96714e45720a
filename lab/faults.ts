import { OperatorError } from '../lib/base/errors.ts'
import { nearest } from '../lib/base/nearest.ts'

/** Everything that can be made to fail, and what the name wants after its `=`. */
export const faultNames = {
  image: { argument: 'NAME:TAG', effect: 'the image cannot be pulled' },
  crash: { argument: '[CLUSTER/]DEPLOYMENT[:TAG]', effect: 'its program exits on start; with a TAG, that version only' },
  partition: { argument: 'DEPLOYMENT', effect: 'its program cannot reach the API' },
  'api-down': { argument: undefined, effect: 'the API refuses connections' },
  'api-slow': { argument: 'MS', effect: 'everything sent to the API arrives so many milliseconds later' },
  'git-down': { argument: undefined, effect: 'the Git server refuses connections' },
  'registry-down': { argument: undefined, effect: 'the OCI registry refuses connections' },
  'operator-down': { argument: undefined, effect: "flux-operator's program is held down" },
} as const

export type FaultName = keyof typeof faultNames

export interface Fault {
  readonly name: FaultName
  /** Empty where the name takes none. */
  readonly argument: string
}

function isFaultName(name: string): name is FaultName {
  return name in faultNames
}

function usage(what: string): OperatorError {
  return new OperatorError(what, { kind: 'usage', remedy: 'npx zx scripts/lab.ts fault list' })
}

/** Parses the name of a fault, as in `fault clear NAME`. */
export function parseFaultName(name: string): FaultName {
  if (isFaultName(name)) return name
  const names = Object.keys(faultNames)
  const close = nearest(name, names)
  throw usage(`there is no fault "${name}"; ${close === undefined ? `there are ${names.join(', ')}` : `did you mean ${close}?`}`)
}

/** Parses `NAME` or `NAME=ARG`. Throws a usage error that says what is wrong. */
export function parseFault(text: string): Fault {
  const at = text.indexOf('=')
  const name = parseFaultName(at === -1 ? text : text.slice(0, at))
  const given = at === -1 ? '' : text.slice(at + 1)
  const wanted = faultNames[name].argument
  if (wanted === undefined) {
    if (given !== '') throw usage(`the fault ${name} takes no value, but was given "${given}"`)
    return { name, argument: '' }
  }
  if (given === '') throw usage(`the fault ${name} needs a value: ${name}=${wanted}`)
  if (name === 'api-slow' && !/^[1-9]\d{0,5}$/.test(given)) throw usage(`api-slow takes milliseconds, such as api-slow=500; not "${given}"`)
  if (name !== 'image') return { name, argument: given }
  const image = given.slice(given.lastIndexOf('/') + 1)
  if (!/^[^:@]+:[^:@]+$/.test(image)) throw usage(`image takes a name and a tag, such as image=source-controller:v1.9.5; not "${given}"`)
  return { name, argument: image }
}

/** Of these crashes, those of a cluster: `CLUSTER/DEPLOYMENT` is of that one alone. */
export function crashesOf(cluster: string, crashes: readonly string[]): string[] {
  return crashes.flatMap((crash) => {
    const [deployment = '', only] = crash.split('/').reverse()
    return only === undefined || only === cluster ? [deployment] : []
  })
}

/** Whether one of these crashes, `DEPLOYMENT` or `DEPLOYMENT:TAG`, is of a program that runs for the Deployment with this image. */
export function isCrashing(crashes: readonly string[], deployment: string, image: string): boolean {
  const tag = /:([^:/@]+)(?:@|$)/.exec(image)?.[1] ?? ''
  return deployment !== '' && (crashes.includes(deployment) || crashes.includes(`${deployment}:${tag}`))
}

export function showFault({ name, argument }: Fault): string {
  return argument === '' ? name : `${name}=${argument}`
}

/** With the fault added. There is one slowness at a time; of the others each counts. */
export function withFault(faults: readonly Fault[], added: Fault): Fault[] {
  const kept = faults.filter((one) => one.name !== added.name || (one.name !== 'api-slow' && one.argument !== added.argument))
  return [...kept, added]
}

/** Without the faults of that name (and, where given, that argument); without any where no name is given. */
export function withoutFault(faults: readonly Fault[], name: FaultName | undefined, argument = ''): Fault[] {
  if (name === undefined) return []
  return faults.filter((one) => one.name !== name || (argument !== '' && one.argument !== argument))
}

export function faultArguments(faults: readonly Fault[], name: FaultName): string[] {
  return faults.filter((one) => one.name === name).map(({ argument }) => argument)
}
