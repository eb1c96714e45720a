import { generateKeyPairSync, sign } from 'node:crypto'

/** A key and the certificate that it has signed itself, for the name, in PEM; made here because not every machine has openssl. */
export function selfSigned(name: string, end = '491231235959Z'): { readonly cert: string; readonly key: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const subject = der(0x30, der(0x31, der(0x30, Buffer.from('0603550403', 'hex'), der(0x0c, Buffer.from(name)))))
  const validity = der(0x30, der(0x17, Buffer.from('200101000000Z')), der(0x17, Buffer.from(end)))
  const ed25519 = Buffer.from('300506032b6570', 'hex')
  const serial = der(0x02, Buffer.from([1]))
  const body = der(0x30, serial, ed25519, subject, validity, subject, publicKey.export({ type: 'spki', format: 'der' }))
  const signature = der(0x03, Buffer.from([0]), sign(null, body, privateKey))
  return { cert: pem('CERTIFICATE', der(0x30, body, ed25519, signature)), key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })) }
}

/** One value of ASN.1, shorter than 64 kB. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  return Buffer.concat([Buffer.from(length < 128 ? [tag, length] : [tag, 0x82, length >> 8, length & 0xff]), content])
}

function pem(title: string, content: Buffer): string {
  const lines = content.toString('base64').replace(/.{64}(?=.)/g, '$&\n')
  return `-----BEGIN ${title}-----\n${lines}\n-----END ${title}-----\n`
}
