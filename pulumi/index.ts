import * as pulumi from '@pulumi/pulumi'
import { FluxBootstrap } from './flux-bootstrap'

const flux = new pulumi.Config('flux')
const github = new pulumi.Config('github')

new FluxBootstrap('flux', {
  chart: flux.get('chart'),
  chartVersion: flux.require('chart_version'),
  git: { url: flux.require('git_url'), branch: flux.get('git_branch') ?? 'main', path: flux.require('git_path') },
  sshPrivateKey: flux.requireSecret('ssh_private_key'),
  knownHosts: flux.require('known_hosts'),
  githubToken: github.requireSecret('token'),
})
