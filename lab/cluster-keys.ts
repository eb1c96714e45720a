import { execFile } from 'node:child_process'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** Who calls the API by a token of his own: the person, the lab's node, and kube-controller-manager. */
const users = ['lab-admin', 'lab-node', 'system:kube-controller-manager'] as const
type User = (typeof users)[number]

/** What one cluster proves itself with, and who may do what there. */
export interface ClusterKeys {
  /** PEM of the certificate, its own authority, that the API server and the node show; and its key. */
  readonly certificate: string
  readonly key: string
  /** Everybody may do everything, but the API's log tells them apart. */
  readonly tokens: Readonly<Record<User, string>>
  readonly certificateFile: string
  readonly keyFile: string
  readonly tokensFile: string
  readonly serviceAccountKeyFile: string
}

/**
 * Made when the cluster is first started, and kept as long as its data: what is in there was signed with them.
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
  if (!existsSync(files.tokensFile)) {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const write = (path: string, text: string): void => writeFileSync(path, text, { mode: 0o600 })
    const { stdout } = await promisify(execFile)(executable, ['certificate', '127.0.0.1', 'localhost'], { env })
    // One certificate or several, then the key.
    const end = stdout.indexOf('-----BEGIN', stdout.lastIndexOf('-----END CERTIFICATE'))
    write(files.certificateFile, stdout.slice(0, end))
    write(files.keyFile, stdout.slice(end))
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' }) // an RSA key takes a tenth of a second
    write(files.serviceAccountKeyFile, privateKey.export({ type: 'sec1', format: 'pem' }).toString())
    const lines = users.map((user) => `${randomBytes(32).toString('hex')},${user},${user},"system:masters"\n`)
    write(files.tokensFile, lines.join('')) // last: it says that all are there
  }
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
