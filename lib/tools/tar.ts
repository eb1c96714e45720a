import { OperatorError } from '../base/errors.ts'

const block = 512

/**
 * The regular files in a tar archive, by their paths without a leading `./`; names longer than a header holds (GNU, pax) as well.
 * @throws OperatorError where it is damaged
 */
export function filesInTar(archive: Buffer): Map<string, Buffer> {
  const files = new Map<string, Buffer>()
  let longName: string | undefined
  for (let at = 0; at + block <= archive.length;) {
    const header = archive.subarray(at, at + block)
    const name = textAt(header, 0, 100)
    if (name === '') break // two empty blocks end it
    const size = sizeIn(header, archive.length - at - block)
    const type = textAt(header, 156, 1)
    const content = archive.subarray(at + block, at + block + size)
    const prefix = textAt(header, 257, 5) === 'ustar' ? textAt(header, 345, 155) : ''
    if (type === 'L') longName = textAt(content, 0, size)
    else if (type === 'x') longName = /(?:^|\n)\d+ path=(.*)\n/.exec(content.toString())?.[1] ?? longName
    else {
      const path = longName ?? (prefix === '' ? name : `${prefix}/${name}`)
      if (type === '0' || type === '') files.set(path.replace(/^\.?\//, ''), content)
      longName = undefined
    }
    at += block + Math.ceil(size / block) * block
  }
  return files
}

/** Throws where it is not a size, or more than the archive holds: the next header would be anywhere, or the same one forever. */
function sizeIn(header: Buffer, left: number): number {
  const text = textAt(header, 124, 12).trim()
  const size = text === '' ? 0 : /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number.NaN
  if (size <= left) return size
  throw new OperatorError(`the archive is damaged: it says that a file has ${text} (octal) bytes`, { kind: 'blocked' })
}

function textAt(bytes: Buffer, start: number, length: number): string {
  const part = bytes.subarray(start, start + length)
  const end = part.indexOf(0)
  return part.subarray(0, end === -1 ? part.length : end).toString()
}
