import * as v from 'valibot'
import { complaintOf, shell } from '../process/command.ts'
import { childEnvironment } from '../process/environment.ts'
import { OperatorError } from '../base/errors.ts'
import type { Tools } from '../connection/session.ts'
import { compareVersions, parseVersion } from '../base/version.ts'
import { blocks, type Finding, notice } from './preflight.ts'

/** What each program says of its version. */
export interface ProgramVersions {
  readonly kubectl: string
  readonly helm: string
  readonly git: string
  readonly flux?: string
}

/** What else must be known to judge them. */
export interface Needs {
  /** The API server's version. */
  readonly kubernetes: string
  /** The Flux that Git names. */
  readonly flux: string
  /** Whether charts come over plain http. */
  readonly insecure: boolean
}

const kubectlSchema = v.pipe(v.string(), v.parseJson(), v.object({ clientVersion: v.object({ gitVersion: v.string() }) }))
const fluxSchema = v.pipe(v.string(), v.parseJson(), v.object({ flux: v.string() }))

/** Whether the programs that the run will call are recent enough, and go with the cluster and with each other. */
export async function checkPrograms(tools: Tools, needs: Needs): Promise<Finding[]> {
  return judgePrograms(await readVersions(tools), needs)
}

async function readVersions({ kubectl, helm, flux }: Tools): Promise<ProgramVersions> {
  const ask = async (program: string, args: readonly string[]): Promise<string> => {
    const answer = await shell(childEnvironment())`${program} ${args}`.catch((error: unknown) => {
      throw new OperatorError(`${program} does not report its version: ${complaintOf(error)}`, { remedy: `${program} ${args.join(' ')}` })
    })
    return answer.stdout.trim()
  }
  const [kubectlSaid, helmSaid, gitSaid, fluxSaid] = await Promise.all([
    ask(kubectl, ['version', '--client', '-o', 'json']),
    ask(helm, ['version', '--template', '{{.Version}}']),
    ask('git', ['version']),
    flux === undefined ? undefined : ask(flux, ['version', '--client', '-o', 'json']),
  ])
  return {
    kubectl: v.parse(kubectlSchema, kubectlSaid).clientVersion.gitVersion,
    helm: helmSaid,
    git: gitSaid,
    ...(fluxSaid === undefined ? {} : { flux: v.parse(fluxSchema, fluxSaid).flux }),
  }
}

/** The oldest that these scripts are tried with; `--plain-http` came with 3.13. */
const helmNeeds = { secure: '3.10', insecure: '3.13' } as const
/** The oldest whose documented options are all that is used. */
const gitNeeds = '2.30'
/** How many minor versions kubectl and the API server may be apart: what is asked of kubectl is proxy, kustomize and config. */
const mostSkew = 2

/** The same, of versions already known. */
export function judgePrograms(versions: ProgramVersions, needs: Needs): Finding[] {
  return [
    ...tooOld('helm', versions.helm, helmNeeds[needs.insecure ? 'insecure' : 'secure'], 'https://helm.sh/docs/intro/install'),
    ...tooOld('git', versions.git, gitNeeds, 'https://git-scm.com/downloads'),
    ...skewOf(versions.kubectl, needs.kubernetes),
    ...(versions.flux === undefined ? [] : disagreementOf(versions.flux, needs.flux)),
  ]
}

function tooOld(program: string, said: string, least: string, where: string): Finding[] {
  const version = parseVersion(said)
  const needed = parseVersion(least)
  const remedy = `install ${program} ${least} or newer: ${where}`
  if (version === undefined || needed === undefined) return [blocks(`${program} does not report its version: it says "${said}"`, remedy)]
  if (compareVersions(version, needed) >= 0) return []
  return [blocks(`${program} ${showVersion(said)} is too old: the runbook needs ${least} or newer`, remedy)]
}

/** Kubernetes itself supports one minor (kubernetes.io/releases/version-skew-policy), which is said; beyond two nothing is known. */
function skewOf(kubectl: string, kubernetes: string): Finding[] {
  const client = parseVersion(kubectl)
  const server = parseVersion(kubernetes)
  if (client === undefined || server === undefined) return []
  const apart = client.major === server.major ? Math.abs(client.minor - server.minor) : Infinity
  if (apart <= 1) return []
  const remedy = `install kubectl ${server.major}.${server.minor}: https://kubernetes.io/docs/tasks/tools`
  if (apart <= mostSkew) {
    return [notice(`kubectl ${kubectl} is more than one minor version away from this cluster's ${kubernetes}`, remedy)]
  }
  const range = `${server.major}.${Math.max(0, server.minor - mostSkew)} to ${server.major}.${server.minor + mostSkew}`
  return [blocks(`kubectl ${kubectl} does not support this cluster's ${kubernetes}: the runbook needs ${range}`, remedy)]
}

/** `flux check` judges by its own version's rules; a build without a version (0.0.0) says nothing about itself. */
function disagreementOf(cli: string, flux: string): Finding[] {
  const has = parseVersion(cli)
  const wanted = parseVersion(flux)
  if (has === undefined || wanted === undefined || has.major === 0) return []
  if (has.major === wanted.major && has.minor === wanted.minor) return []
  return [notice(`the flux CLI is ${cli}, but Git has Flux ${flux}: its check at the end uses the rules of ${cli}`, `install flux ${flux}`)]
}

function showVersion(said: string): string {
  return /\d+\.\d+(\.\d+)?/.exec(said)?.[0] ?? said
}
