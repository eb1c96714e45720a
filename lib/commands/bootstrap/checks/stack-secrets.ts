import { shellQuote } from '../../../base/shell-line.ts'
import type { Stack } from '../pulumi-stack.ts'
import { blocks, type Finding } from '../../../preflight/preflight.ts'

/** The configuration that the component reads; PULUMI_SECRETS names others. */
export const usualSecrets = 'flux.ssh_private_key,github.token'

/** Whether the stack is there, and has every secret that its program reads, each encrypted. */
export async function checkStackSecrets(stack: Stack, wanted: string): Promise<Finding[]> {
  return judgeStackSecrets(
    stack,
    await stack.readConfig(),
    wanted.split(',').map((name) => name.trim()),
  )
}

type Config = Awaited<ReturnType<Stack['readConfig']>>

/**
 * @param names each `GROUP.NAME`: a key `GROUP:NAME`, or a key of the project's of that name, or a field of the project's secret object GROUP,
 * which the command line does not show
 */
export function judgeStackSecrets(
  { name: stack, folder }: Pick<Stack, 'name' | 'folder'>,
  config: Config,
  names: readonly string[],
): Finding[] {
  return names.flatMap((name) => {
    const [group = '', field = ''] = name.split('.')
    const key = Object.keys(config).find((one) => one === `${group}:${field}` || one.endsWith(`:${name}`) || one.endsWith(`:${group}`))
    const set = `cd ${shellQuote(folder)} && pulumi config set --secret ${group}:${field} --stack ${shellQuote(stack)}`
    if (key === undefined) return [blocks(`the Pulumi stack ${stack} has no config ${name}, which its Flux needs`, `${set} <FILE`)]
    if (config[key]?.isSecret === true) return []
    return [blocks(`${key} of the Pulumi stack ${stack} is in plain text`, `change the secret, then: ${set} <FILE`)]
  })
}
