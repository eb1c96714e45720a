/**
 * Where a person opens a merge or pull request for a branch, on the hosts whose addresses are known; undefined elsewhere.
 * @param url of the remote, in any of Git's spellings
 * @param into the branch that it shall be merged into
 */
export function requestUrl(url: string, branch: string, into: string): string | undefined {
  const found = /^(?:(?:https?|ssh):\/\/)?(?:[^@/]*@)?([^/:]+)(?::\d+(?=\/))?[/:](.+?)(?:\.git)?\/?$/.exec(url)
  if (found === null) return undefined
  const [, host = '', path = ''] = found
  const name = encodeURIComponent(branch).replaceAll('%2F', '/')
  const base = `https://${host}/${path}`
  if (/(^|\.)github\./.test(host)) return `${base}/compare/${into}...${name}?expand=1`
  if (/(^|\.)gitlab\./.test(host)) {
    const query = new URLSearchParams({ 'merge_request[source_branch]': branch, 'merge_request[target_branch]': into })
    return `${base}/-/merge_requests/new?${query.toString()}`
  }
  if (/(^|\.)(gitea|forgejo)\.|^codeberg\.org$/.test(host)) return `${base}/compare/${into}...${name}`
  if (host === 'bitbucket.org') return `${base}/pull-requests/new?source=${encodeURIComponent(branch)}&dest=${encodeURIComponent(into)}`
  return undefined
}
