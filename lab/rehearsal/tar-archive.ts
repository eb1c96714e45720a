import { gzipSync } from 'node:zlib'
import { OperatorError } from '../../lib/base/errors.ts'

const block = 512

/** A compressed tar archive of these files (ustar); the same files give the same bytes. */
export function tarArchive(files: Readonly<Record<string, string>>): Buffer {
  const entries = Object.entries(files).flatMap(([path, text]) => {
    const content = Buffer.from(text)
    const padding = Buffer.alloc((block - (content.length % block)) % block)
    return [headerOf(path, content.length), content, padding]
  })
  return gzipSync(Buffer.concat([...entries, Buffer.alloc(2 * block)]))
}

function headerOf(path: string, size: number): Buffer {
  const header = Buffer.alloc(block)
  const { prefix, name } = splitName(path)
  header.write(name, 0)
  header.write('0000644\0', 100)
  header.write('0000000\0', 108)
  header.write('0000000\0', 116)
  header.write(`${size.toString(8).padStart(11, '0')}\0`, 124)
  header.write('00000000000\0', 136)
  header.write(' '.repeat(8), 148)
  header.write('0', 156)
  header.write('ustar\0' + '00', 257)
  header.write(prefix, 345)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return header
}

/** A header holds 100 bytes of a name, and 155 of the folders before it. */
function splitName(path: string): { prefix: string; name: string } {
  if (Buffer.byteLength(path) <= 100) return { prefix: '', name: path }
  const slash = path.indexOf('/', path.length - 101)
  const [prefix, name] = [path.slice(0, Math.max(slash, 0)), path.slice(slash + 1)]
  if (slash > 0 && Buffer.byteLength(prefix) <= 155 && Buffer.byteLength(name) <= 100) return { prefix, name }
  throw new OperatorError(`the path is too long for an archive: ${path}`, { kind: 'blocked', remedy: 'shorten the path in Git' })
}
