// Pulumi's language host for Node, which is not a Go module and so cannot be built here: it runs a program with the SDK's own `cmd/run`.
// The engine starts it as `pulumi-language-nodejs`, and reads from its first line the port that it serves on.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

// The SDK that the programs of pulumi/ have; a program's own may be another.
const sdk = createRequire(new URL('../../pulumi/package.json', import.meta.url))
const grpc = sdk('@grpc/grpc-js')
const [language, plugin, services] = ['language_pb', 'plugin_pb', 'language_grpc_pb'].map((file) => sdk(`@pulumi/pulumi/proto/${file}`))

/** The exit code of a program whose errors the engine has been reported already. */
const toldAlready = 32
let engine = process.argv.findLast((word) => /^[^-].*:\d+$/.test(word)) ?? ''
const running = new Set()

/** The folder with the package.json that a program belongs to. */
function projectOf(folder) {
  return existsSync(join(folder, 'package.json')) || dirname(folder) === folder ? folder : projectOf(dirname(folder))
}

/** Which plugins a program wants: those of the Pulumi packages that it depends on. */
function requiredPackages(folder) {
  const project = projectOf(folder)
  const own = createRequire(join(project, 'package.json'))
  const { dependencies = {} } = readJson(join(project, 'package.json'))
  return Object.keys(dependencies).flatMap((name) => {
    const { version, pulumi = {} } = readJson(own.resolve(`${name}/package.json`))
    if (pulumi.resource !== true) return []
    const wanted = new plugin.PackageDependency()
    wanted.setKind('resource')
    wanted.setName(pulumi.name ?? name.replace(/^@pulumi\//, ''))
    wanted.setVersion(`v${pulumi.version ?? version}`)
    return [wanted]
  })
}

function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'))
}

/** Runs a program to its end. */
function run(request, answer) {
  const info = request.getInfo()
  const folder = info.getProgramDirectory()
  const flags = {
    monitor: request.getMonitorAddress(),
    engine,
    organization: request.getOrganization(),
    project: request.getProject(),
    stack: request.getStack(),
    pwd: request.getPwd(),
    'root-directory': info.getRootDirectory(),
    parallel: String(request.getParallel()),
  }
  const words = Object.entries(flags).flatMap(([name, value]) => (value === '' ? [] : [`--${name}=${value}`]))
  if (request.getDryrun()) words.push('--dry-run')
  const command = createRequire(join(projectOf(folder), 'package.json')).resolve('@pulumi/pulumi/cmd/run')
  const config = Object.fromEntries(request.getConfigMap().toArray())
  const env = {
    ...process.env,
    PULUMI_CONFIG: JSON.stringify(config),
    PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
    PULUMI_NODEJS_TYPESCRIPT: String(info.getOptions()?.toJavaScript().typescript ?? true),
  }
  const program = join(folder, info.getEntryPoint())
  const child = spawn(process.execPath, [command, ...words, program, ...request.getArgsList()], {
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  running.add(child)
  const end = (code, signal) => {
    running.delete(child)
    const response = new language.RunResponse()
    if (code === toldAlready) response.setBail(true)
    else if (code !== 0) response.setError(`the program ended with ${code ?? signal}`)
    answer(null, response)
  }
  child.once('exit', end)
  child.once('error', (error) => end(error.message, null))
}

function stopPrograms() {
  for (const child of running) child.kill()
}

const methods = {
  handshake({ request }, answer) {
    engine = request.getEngineAddress()
    answer(null, new language.LanguageHandshakeResponse())
  },
  getPluginInfo(_call, answer) {
    const info = new plugin.PluginInfo()
    info.setVersion('0.0.0')
    answer(null, info)
  },
  getRequiredPackages({ request }, answer) {
    const response = new language.GetRequiredPackagesResponse()
    response.setPackagesList(requiredPackages(request.getInfo().getProgramDirectory()))
    answer(null, response)
  },
  about(_call, answer) {
    const response = new language.AboutResponse()
    response.setExecutable(process.execPath)
    response.setVersion(process.version)
    answer(null, response)
  },
  installDependencies(call) {
    call.end() // anyone who runs a program has installed what it needs
  },
  run: ({ request }, answer) => run(request, answer),
  cancel(_call, answer) {
    stopPrograms()
    answer(null, new (sdk('google-protobuf/google/protobuf/empty_pb').Empty)())
  },
}

const server = new grpc.Server({ 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 })
server.addService(services.LanguageRuntimeService, methods) // what is missing answers UNIMPLEMENTED
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error
  process.stdout.write(`${port}\n`)
})

// An engine that was killed cannot end its language host.
const parent = process.ppid
setInterval(() => {
  if (process.ppid === parent) return
  stopPrograms()
  process.exit(1)
}, 500)
