import { execFile } from 'node:child_process'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { OperatorError } from '../lib/base/errors.ts'

/** Who calls the API by a token of their own: the person, the lab's node, and kube-controller-manager. */
const users = ['lab-admin', 'lab-node', 'system:kube-controller-manager'] as const
type User = (typeof users)[number]

/** What one cluster proves itself with, and who may do what there. */
export interface ClusterKeys {
  /** PEM of the certificate, its own authority, that the API server and the node show; and its key. */
  readonly certificate: string
  readonly key: string
  /** Everyone may do everything, but the API's log tells them apart. */
  readonly tokens: Readonly<Record<User, string>>
  readonly certificateFile: string
  readonly keyFile: string
  readonly tokensFile: string
  readonly serviceAccountKeyFile: string
}

/**
 * Made before the cluster is first started, and kept as long as its data: what is in there was signed with them.
 * @param executable the control plane's
 */
export async function ensureKeys(folder: string, executable: string, env: Record<string, string>): Promise<ClusterKeys> {
  const file = (name: string): string => join(folder, name)
  const files = {
    certificateFile: file('server.crt'),
    keyFile: file('server.key'),
    tokensFile: file('users.csv'),
    serviceAccountKeyFile: file('service-account.key'),
  }
  if (!existsSync(folder)) await makeKeys(folder, executable, env)
  const lines = readFileSync(files.tokensFile, 'utf8').split('\n')
  const tokenOf = (user: User): string => lines.find((line) => line.split(',')[1] === user)?.split(',')[0] ?? ''
  return {
    certificate: readFileSync(files.certificateFile, 'utf8'),
    key: readFileSync(files.keyFile, 'utf8'),
    tokens: {
      'lab-admin': tokenOf('lab-admin'),
      'lab-node': tokenOf('lab-node'),
      'system:kube-controller-manager': tokenOf('system:kube-controller-manager'),
    },
    ...files,
  }
}

/** The folder appears with everything in it; of two who make it at once, one is too late. */
async function makeKeys(folder: string, executable: string, env: Record<string, string>): Promise<void> {
  const { stdout } = await promisify(execFile)(executable, ['certificate', '127.0.0.1', 'localhost'], { env }).catch((cause: unknown) => {
    throw new OperatorError(`the lab's executable ${executable} does not run`, {
      remedy: 'npx zx scripts/lab.ts down --purge, then build',
      cause,
    })
  })
  const key = stdout.indexOf('-----BEGIN', stdout.lastIndexOf('-----END CERTIFICATE')) // after one certificate or several
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const contents = {
    'server.crt': stdout.slice(0, key),
    'server.key': stdout.slice(key),
    'service-account.key': privateKey.export({ type: 'sec1', format: 'pem' }).toString(),
    'users.csv': users.map((user) => `${randomBytes(32).toString('hex')},${user},${user},"system:masters"\n`).join(''),
  }
  mkdirSync(dirname(folder), { recursive: true })
  const growing = mkdtempSync(`${folder}-`) // 0700
  for (const [name, text] of Object.entries(contents)) writeFileSync(join(growing, name), text, { mode: 0o600 })
  try {
    renameSync(growing, folder)
  } catch (error) {
    rmSync(growing, { recursive: true })
    if (!existsSync(folder)) throw error
  }
}
