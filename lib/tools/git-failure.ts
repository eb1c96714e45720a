import { messageOf, OperatorError } from '../base/errors.ts'
import { shellQuote } from '../base/shell-line.ts'
import { type GitLogin, isForOther, originOf, whyNoLogin } from './git-login.ts'

/** A git that failed, in its own words. */
export class GitFailure extends OperatorError {
  readonly words: string

  constructor(subcommand: string, words: string) {
    super(`git ${subcommand} failed: ${words}`)
    this.words = words
  }
}

/** What git says of an error; of another than its own, what that says. */
export function gitWords(error: unknown): string {
  return error instanceof GitFailure ? error.words : messageOf(error)
}

/** What a Git server that could not be read most likely means, and what to do about it. */
const explanations = [
  {
    sign: /Operation too slow|timed out|Timeout, server/i,
    what: 'the Git server does not answer, at',
    remedy: 'check that it is reached from here, through its proxy; then run again',
  },
  {
    sign: /Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED/,
    what: 'the Git server shows a host key that GIT_KNOWN_HOSTS_FILE does not have, at',
    remedy: 'compare that file with the host keys that your Git server publishes; if they differ from what it shows, do not continue',
  },
  {
    sign: /Authentication failed|could not read Username|Permission denied|HTTP Basic|403|401/i,
    what: 'the Git server refuses the login for',
    remedy: 'check GIT_USERNAME and GIT_PASSWORD, or GIT_SSH_KEY_FILE and GIT_KNOWN_HOSTS_FILE (.env.example)',
  },
  {
    sign: /certificate|SSL/i,
    what: 'the certificate of the Git server is not trusted, at',
    remedy: 'name the file with its certificate authority in GIT_CA_FILE (.env.example)',
  },
] as const

/** The error of a remote that git could not read, with what to do about it. */
export function unreadableRemote(error: unknown, { url, login }: { readonly url: string; readonly login: GitLogin }): OperatorError {
  const words = gitWords(error)
  if (isForOther(login, url)) {
    const remedy = 'if the login is meant for this server, name it in GIT_ORIGIN (.env.example)'
    return new OperatorError(`${url} was called without a login, because ${whyNoLogin(login, url)}: ${words}`, { kind: 'blocked', remedy })
  }
  const asking = originOf(/could not read Username for '([^']+)'/.exec(words)?.[1] ?? '')
  if (asking !== undefined && asking !== originOf(url)) {
    const remedy = 'if that server is yours, put its address into git_url (settings.yaml)'
    return new OperatorError(`${url} redirects to ${asking}, which the login was not sent to: ${words}`, { kind: 'blocked', remedy })
  }
  const { what, remedy } = explanations.find(({ sign }) => sign.test(words)) ?? {
    what: 'Git cannot be reached at',
    remedy: `git ls-remote ${shellQuote(url)}`,
  }
  return new OperatorError(`${what} ${url}: ${words}`, { kind: 'blocked', remedy })
}
