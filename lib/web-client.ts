import { readFileSync } from 'node:fs'
import { rootCertificates } from 'node:tls'
import { EnvHttpProxyAgent } from 'undici'
import { proxies } from './environment.ts'

/**
 * The way to servers that are not the cluster: through the proxy that the environment names, trusting a private authority besides those
 * that Node knows, as helm and git do. The caller closes it.
 * @param caFile else SSL_CERT_FILE
 */
export function webClient(caFile: string | undefined): EnvHttpProxyAgent {
  const file = caFile ?? process.env.SSL_CERT_FILE ?? ''
  const trust = file === '' ? {} : { ca: [...rootCertificates, readFileSync(file, 'utf8')] }
  return new EnvHttpProxyAgent({ connect: trust, requestTls: trust, ...proxies() }) // the latter for what a proxy passes on
}
