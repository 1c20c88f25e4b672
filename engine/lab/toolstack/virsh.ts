/** `virsh` on a host of the lab. A definition is its file in `/etc/libvirt/qemu`; a domain that runs is a guest. */
import { parseVirsh, type VirshCommand, virshHelp } from '../../hypervisors/kvm/toolstack/commands.ts'
import { type DomainXml, domainXml, parseDomainXml } from '../../hypervisors/kvm/toolstack/domain-xml.ts'
import { virshLines, virshList, type VirshRow, type VirshState } from '../../hypervisors/kvm/toolstack/format.ts'
import { domainUuid } from '../../hypervisors/kvm/toolstack/uuid.ts'
import { parseExtra } from '../../hypervisors/toolstack/extra.ts'
import { FerryError } from '../../util/errors.ts'
import type { Guest } from '../guest.ts'
import { createDomain } from './domains.ts'
import { DOMAINS_XML, normalPath } from './files.ts'
import { failed, findGuest, type Outcome, printed, type Session } from './session.ts'
import { nodeInfo, VERSION } from './virsh-host.ts'
import { jobInfo, setLimit, virshMigrate } from './virsh-migration.ts'

const MIB = 2 ** 20

/** @param words what follows `virsh` */
export async function virsh(session: Session, words: readonly string[]): Promise<Outcome> {
  try {
    const command = parseVirsh(words)
    return 'helpFor' in command ? printed(virshHelp(command.helpFor)) : await carryOut(session, command)
  } catch (thrown) {
    return failed(`error: ${FerryError.from(thrown).message}\n\n`)
  }
}

async function carryOut(session: Session, command: VirshCommand): Promise<Outcome> {
  const { name, operands, options } = command
  const [given = '', second = ''] = operands
  const first = nameOf(session, given)
  const { lab, files, ids } = session
  switch (name) {
    case 'list':
      return printed(virshList(rows(session, options)))
    case 'define':
      return define(session, first)
    case 'undefine':
      files.remove(definition(session, first))
      return done(first, 'has been undefined')
    case 'start':
      return start(session, first, options)
    case 'destroy':
      await lab.destroyGuest(toChange(session, name, first).identity.id)
      return done(first, 'destroyed')
    case 'suspend':
      await lab.pauseGuest(toChange(session, name, first).identity.id)
      return done(first, 'suspended')
    case 'resume':
      await lab.resumeGuest(toChange(session, name, first).identity.id)
      return done(first, 'resumed')
    case 'console':
      return { ...printed(''), next: { do: 'console', guest: active(session, first).identity.id } }
    case 'domid':
      return printed(`${ids.of(active(session, first))}\n\n`)
    case 'domname':
      return printed(`${known(session, first)}\n\n`)
    case 'domuuid':
      return printed(`${domainUuid(known(session, first))}\n\n`)
    case 'nodeinfo':
      return printed(nodeInfo(session.host))
    case 'version':
      return printed(VERSION)
    case 'domstate': {
      const guest = findGuest(session, first)
      if (guest === undefined) definition(session, first)
      return printed(`${guest === undefined ? 'shut off' : stateOf(guest)}\n\n`)
    }
    case 'dominfo':
      return printed(await domInfo(session, first))
    case 'dumpxml': {
      const guest = findGuest(session, first)
      if (guest === undefined) return printed(`${files.read(definition(session, first)).text}\n`)
      const live = { id: ids.of(guest), mac: guest.identity.mac, host: session.host.name }
      return printed(`${domainXml(xmlOf(guest), live)}\n`)
    }
    case 'migrate': {
      const guest = active(session, first)
      const outcome = await virshMigrate(session, guest, second, options)
      if (outcome.status === 0) await moveDefinition(session, guest, options)
      return outcome
    }
    case 'domjobinfo':
      return printed(jobInfo(session, active(session, first)))
    case 'domjobabort': {
      const run = session.runs.of(active(session, first))
      if (run?.cancel() !== true) throw new FerryError('toolstack.job', 'no job is active on the domain')
      return printed('\n')
    }
    case 'migrate-setmaxdowntime':
      setLimit(session, active(session, first), 'downtime', second)
      return printed('\n')
    case 'migrate-setspeed':
      setLimit(session, active(session, first), 'bandwidth', second)
      return printed('\n')
  }
}

const done = (name: string, what: string): Outcome => printed(`Domain '${name}' ${what}\n\n`)

function stateOf({ state }: Guest): VirshState {
  return state === 'paused' || state === 'crashed' ? state : 'running'
}

/** The name of the domain that has this UUID here; what is no UUID of one is as it was given. */
function nameOf(session: Session, given: string): string {
  if (!/^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i.test(given)) return given
  const plain = (uuid: string) => uuid.replaceAll('-', '').toLowerCase()
  const names = rows(session, new Map([['all', true]])).map(({ name }) => name)
  return names.find((name) => plain(domainUuid(name)) === plain(given)) ?? given
}

/** The name of a domain that is there, running or not. @throws FerryError `toolstack.domain` */
function known(session: Session, nameOrId: string): string {
  const guest = findGuest(session, nameOrId)
  if (guest !== undefined) return guest.identity.name
  definition(session, nameOrId)
  return nameOrId
}

const pathOf = (name: string): string => `${DOMAINS_XML}/${name}.xml`

/** Path of a definition. @throws FerryError `toolstack.domain` */
function definition({ files }: Session, name: string): string {
  const path = pathOf(name)
  if (!files.has(path)) throw new FerryError('toolstack.domain', `failed to get domain '${name}'`)
  return path
}

/** A domain that runs. @throws FerryError `toolstack.domain` */
function active(session: Session, nameOrId: string): Guest {
  const guest = findGuest(session, nameOrId)
  if (guest !== undefined) return guest
  definition(session, nameOrId)
  throw new FerryError('toolstack.domain', 'Requested operation is not valid: domain is not running')
}

/** As `active`, for the commands that say first what they could not do. */
function toChange(session: Session, command: string, nameOrId: string): Guest {
  if (findGuest(session, nameOrId) === undefined) definition(session, nameOrId)
  try {
    return active(session, nameOrId)
  } catch (thrown) {
    const { code, message } = FerryError.from(thrown)
    throw new FerryError(code, `Failed to ${command} domain '${nameOrId}'\nerror: ${message}`)
  }
}

function rows(session: Session, options: VirshCommand['options']): VirshRow[] {
  const { host, ids, files } = session
  const running = [...host.guests.values()]
    .map((guest) => ({ id: ids.of(guest), name: guest.identity.name, state: stateOf(guest) }))
    .sort((a, b) => a.id - b.id)
  const names = files.isDirectory(DOMAINS_XML) ? files.names(DOMAINS_XML).filter((name) => name.endsWith('.xml')) : []
  const off = names
    .map((name) => name.replace(/\.xml$/, ''))
    .filter((name) => !running.some((guest) => guest.name === name))
    .map((name): VirshRow => ({ id: null, name, state: 'shut off' }))
  return [...(options.has('inactive') ? [] : running), ...(options.has('inactive') || options.has('all') ? off : [])]
}

async function define(session: Session, file: string): Promise<Outcome> {
  const { files, directory } = session
  const path = normalPath(file, directory)
  if (!files.has(path)) {
    throw new FerryError('toolstack.file', `Failed to open file '${file}': No such file or directory`)
  }
  const { text } = files.read(path)
  const { name } = parseDomainXml(text, path)
  if (!/^[a-z0-9][a-z0-9-]{0,31}$/.test(name)) {
    throw new FerryError('toolstack.name', `XML error: the name "${name}" has other than 1 to 32 of a-z, 0-9 and -`)
  }
  await files.write(pathOf(name), text)
  return printed(`Domain '${name}' defined from ${file}\n\n`)
}

async function start(session: Session, name: string, options: VirshCommand['options']): Promise<Outcome> {
  if (findGuest(session, name) !== undefined) throw new FerryError('toolstack.domain', 'Domain is already active')
  const path = definition(session, name)
  const config = parseDomainXml(session.files.read(path).text, path)
  try {
    const extra = parseExtra(config.commandLine)
    const { id } = await createDomain(session, { ...config, ...extra, hasDisk: config.disk !== null })
    if (options.has('paused')) await session.lab.pauseGuest(id)
    return { ...done(name, 'started'), next: options.has('console') ? { do: 'console', guest: id } : null }
  } catch (thrown) {
    const { code, message } = FerryError.from(thrown)
    throw new FerryError(code, `Failed to start domain '${name}'\nerror: ${message}`)
  }
}

async function domInfo(session: Session, name: string): Promise<string> {
  const { ids, files } = session
  const guest = findGuest(session, name)
  const persistent = files.has(pathOf(guest?.identity.name ?? name)) ? 'yes' : 'no'
  if (guest === undefined) {
    const path = definition(session, name)
    const { memoryMb } = parseDomainXml(files.read(path).text, path)
    const memory = memoryMb === undefined ? {} : memoryLines(memoryMb * MIB)
    const facts = {
      Id: '-',
      Name: name,
      UUID: domainUuid(name),
      'OS Type': 'hvm',
      State: 'shut off',
      'CPU(s)': '1',
      ...memory,
    }
    return virshLines({ ...facts, Persistent: persistent, Autostart: 'disable' }, 16)
  }
  const seconds = (await guest.residence.machine.cpuTimeMs().catch(() => 0)) / 1000
  const facts = {
    Id: String(ids.of(guest)),
    Name: guest.identity.name,
    UUID: domainUuid(guest.identity.name),
    'OS Type': 'hvm',
    State: stateOf(guest),
    'CPU(s)': '1',
    'CPU time': `${seconds.toFixed(1)}s`,
    ...memoryLines(guest.ramBytes),
    Persistent: persistent,
    Autostart: 'disable',
  }
  return virshLines(facts, 16)
}

const memoryLines = (bytes: number) => ({ 'Max memory': `${bytes / 1024} KiB`, 'Used memory': `${bytes / 1024} KiB` })

function xmlOf(guest: Guest): DomainXml {
  const { identity, image, ramBytes, disk, workload } = guest
  return {
    name: identity.name,
    kernel: `/boot/${image.name}`,
    memoryMb: ramBytes / MIB,
    disk: disk === null ? null : `/dev/vg_xen/${disk.name}`,
    commandLine: `workload=${workload}`,
  }
}

/** `--persistent`: the target keeps a definition; `--undefinesource`: the source does not. */
async function moveDefinition(session: Session, guest: Guest, options: VirshCommand['options']): Promise<void> {
  const path = pathOf(guest.identity.name)
  if (options.has('persistent')) await session.filesOf(guest.residence.host).write(path, domainXml(xmlOf(guest)))
  if (options.has('undefinesource') && session.files.has(path)) session.files.remove(path)
}
