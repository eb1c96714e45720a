import { createHash } from 'node:crypto'
import { request } from 'undici'
import { OperatorError } from '../../lib/base/errors.ts'
import { pushAuthorization } from '../registry-login.ts'

/** A registry, and the password with which it is pushed to. */
export interface PushTarget {
  /** Host and port; plain http. */
  readonly address: string
  readonly password: string
}

/** An OCI artifact of one layer, as Helm and Flux push theirs. */
export interface Artifact {
  /** Below the registry: `stand-ins/ghcr.io/org/chart`. */
  readonly repository: string
  readonly tag: string
  readonly config: { readonly mediaType: string; readonly content: string }
  readonly layer: { readonly mediaType: string; readonly content: Buffer }
}

const manifestType = 'application/vnd.oci.image.manifest.v1+json'

/**
 * Pushes an artifact to a registry by the distribution API: two blobs, and the manifest that names them. A program for each would take
 * half a second each.
 */
export async function pushArtifact({ address, password }: PushTarget, { repository, tag, config, layer }: Artifact): Promise<void> {
  const put = async (path: string, contentType: string, body: Buffer): Promise<void> => {
    const { statusCode, body: answer } = await request(`http://${address}/v2/${repository}/${path}`, {
      method: path.startsWith('manifests/') ? 'PUT' : 'POST',
      headers: { 'content-type': contentType, authorization: pushAuthorization(password) },
      body,
    })
    const words = await answer.text()
    if (statusCode === 201) return
    throw new OperatorError(`${repository}:${tag} cannot be pushed to the lab's registry: it answers ${statusCode} ${words}`.trim(), {
      remedy: 'npx zx scripts/lab.ts logs registry',
    })
  }
  const describe = async (mediaType: string, content: Buffer): Promise<{ mediaType: string; size: number; digest: string }> => {
    const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`
    await put(`blobs/uploads/?digest=${digest}`, 'application/octet-stream', content)
    return { mediaType, size: content.length, digest }
  }
  const manifest = {
    schemaVersion: 2,
    mediaType: manifestType,
    config: await describe(config.mediaType, Buffer.from(config.content)),
    layers: [await describe(layer.mediaType, layer.content)],
  }
  // A tag has no plus sign; Helm writes an underscore for it.
  await put(`manifests/${tag.replaceAll('+', '_')}`, manifestType, Buffer.from(JSON.stringify(manifest)))
}
