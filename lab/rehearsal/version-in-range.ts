/**
 * A version that a chart's range of versions takes, as Helm and source-controller read ranges: the lowest that a range such as `>=1.2 <2`, `^1.2`
 * or `1.x` names. What is a version already stays as it is; where any version will do it is 1.0.0.
 */
export function versionInRange(range: string): string {
  const [first = ''] = range.split('||')
  if (/^v?\d+\.\d+\.\d+(-[\w.-]+)?(\+[\w.-]+)?$/.test(first.trim())) return first.trim()
  const bounds = [...first.matchAll(/([<>=!~^]*)\s*v?(\d+)(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?/g)]
  const lower = bounds.find(([, operator = '']) => !operator.startsWith('<') && !operator.startsWith('!'))
  if (lower === undefined) return bounds.some(([, operator = '']) => operator.startsWith('<')) ? '0.0.1' : '1.0.0'
  const [, operator, ...parts] = lower
  const [major = 0, minor = 0, patch = 0] = parts.map((part) => (/^\d+$/.test(part) ? Number(part) : 0))
  if (operator !== '>') return `${major}.${minor}.${patch}`
  // `>1` is anything from 2 on, `>1.2` anything from 1.3 on.
  const given = parts.filter((part) => part !== undefined).length
  if (given === 1) return `${major + 1}.0.0`
  return given === 2 ? `${major}.${minor + 1}.0` : `${major}.${minor}.${patch + 1}`
}
