/** `xm` on a host of the lab. */
import { cpus, machine, release } from 'node:os'
import { type DomainConfig, parseDomainConfig } from '../../hypervisors/xen/toolstack/domain-config.ts'
import { parseXm, type XmCommand, xmHelp } from '../../hypervisors/xen/toolstack/commands.ts'
import { type DomainRow, xmInfo, xmList, xmListLong } from '../../hypervisors/xen/toolstack/format.ts'
import { FerryError } from '../../util/errors.ts'
import { PAGE_SIZE } from '../../vmstate/blocks.ts'
import type { Guest } from '../guest.ts'
import { createDomain, imageOf } from './domains.ts'
import { DOMAINS_XEN, normalPath } from './files.ts'
import { migrateAndWait, reached } from './migration.ts'
import { failed, findGuest, type Outcome, printed, type Session } from './session.ts'

const MIB = 2 ** 20

/** @param words what follows `xm` */
export async function xm(session: Session, words: readonly string[]): Promise<Outcome> {
  let command: ReturnType<typeof parseXm>
  try {
    command = parseXm(words)
  } catch (thrown) {
    return failed(FerryError.from(thrown).message)
  }
  if ('helpFor' in command) return printed(xmHelp(command.helpFor))
  const notes = command.notes.map((note) => `${note}\n`).join('')
  try {
    const outcome = await carryOut(session, command)
    return { ...outcome, output: notes + outcome.output }
  } catch (thrown) {
    return failed(`${notes}Error: ${FerryError.from(thrown).message}\n`)
  }
}

async function carryOut(session: Session, { name, operands, options }: XmCommand): Promise<Outcome> {
  const [first = '', second = ''] = operands
  const { lab, ids } = session
  switch (name) {
    case 'list': {
      const rows = await domainRows(session, operands)
      return printed(options.has('long') ? xmListLong(rows) : xmList(rows))
    }
    case 'info':
      return printed(info(session))
    case 'domid':
      return printed(`${ids.of(domain(session, first))}\n`)
    case 'domname':
      return printed(`${domain(session, first).identity.name}\n`)
    case 'pause':
      await lab.pauseGuest(domain(session, first).identity.id)
      return printed('')
    case 'unpause':
      await lab.resumeGuest(domain(session, first).identity.id)
      return printed('')
    case 'destroy':
      await lab.destroyGuest(domain(session, first).identity.id)
      return printed('')
    case 'console':
      return { ...printed(''), next: { do: 'console', guest: domain(session, first).identity.id } }
    case 'create':
      return create(session, first, options)
    case 'migrate':
      return migrate(session, first, second, options)
  }
}

function domain(session: Session, nameOrId: string): Guest {
  const guest = findGuest(session, nameOrId)
  if (guest === undefined) throw new FerryError('toolstack.domain', `Domain '${nameOrId}' does not exist.`)
  return guest
}

/** Domain 0, which is the host itself, and the guests; those named, where some are. */
async function domainRows(session: Session, names: readonly string[]): Promise<DomainRow[]> {
  const { host, ids } = session
  const wanted =
    names.length > 0
      ? names.filter((name) => !isDomain0(name)).map((name) => domain(session, name))
      : [...host.guests.values()]
  const rows = wanted.map(async (guest): Promise<DomainRow> => {
    const { identity, ramBytes, residence, state } = guest
    const { machine } = residence
    return {
      // As xend renames it, while it is sent.
      name: state === 'migrating' ? `migrating-${identity.name}` : identity.name,
      id: ids.of(guest),
      memoryMb: ramBytes / MIB,
      state: state === 'paused' || state === 'crashed' ? state : await vcpuState(machine),
      seconds: (await machine.cpuTimeMs().catch(() => 0)) / 1000,
    }
  })
  const sorted = (await Promise.all(rows)).sort((a, b) => a.id - b.id)
  return names.length === 0 || names.some(isDomain0) ? [domain0(), ...sorted] : sorted
}

/** What the vCPU does at this moment, as Xen tells it. A machine that is just being left counts as one that runs. */
async function vcpuState(machine: Guest['residence']['machine']): Promise<'running' | 'blocked'> {
  return (await machine.halted().catch(() => false)) ? 'blocked' : 'running'
}

const isDomain0 = (name: string): boolean => name === '0' || name === 'Domain-0'

/** The lab service is what manages the host's guests: its memory and its time are those of domain 0. */
function domain0(): DomainRow {
  const { user, system } = process.cpuUsage()
  const memoryMb = Math.round(process.memoryUsage.rss() / MIB)
  return { name: 'Domain-0', id: 0, memoryMb, state: 'running', seconds: (user + system) / 1e6 }
}

function info({ host }: Session): string {
  const all = cpus()
  const megabytes = (pages: number) => Math.floor((pages * PAGE_SIZE) / MIB)
  return xmInfo({
    host: host.name,
    release: release(),
    machine: machine(),
    nr_cpus: all.length,
    cpu_mhz: all[0]?.speed ?? 0,
    total_memory: megabytes(host.memory.totalPages),
    free_memory: megabytes(host.memory.freePages),
    // The Xen whose records this host's hypervisor writes and reads.
    xen_major: 4,
    xen_minor: 17,
    xen_caps: 'hvm-3.0-x86_32',
    xen_pagesize: PAGE_SIZE,
    platform_params: 'virt_start=0xff400000',
    xend_config_format: 4,
  })
}

type Options = XmCommand['options']

/** xm looks for a file here, and then in `/etc/xen`. */
function configPath({ files, directory }: Session, name: string): string {
  const found = [normalPath(name, directory), normalPath(name, DOMAINS_XEN)].find((path) => files.has(path))
  if (found === undefined) throw new FerryError('toolstack.file', `Unable to open config file: ${name}`)
  return found
}

async function create(session: Session, file: string, options: Options): Promise<Outcome> {
  const { lab, files, ids } = session
  const path = configPath(session, file)
  const config = parseDomainConfig(files.read(path).text, path)
  const using = options.has('quiet') ? '' : `Using config file "${path}".\n`
  const notes = config.misspelt.map((name) => `ferry: ${path} sets "${name}"; xm knows "${name.toLowerCase()}".\n`)
  if (config.disks.length > 1) notes.push('ferry: a guest of this lab has one disk; the first was taken.\n')
  await imageOf(config.kernel)
  if (options.has('dryrun')) return printed(`${using}${notes.join('')}${dryRun(config)}`)
  const taken = findGuest(session, config.name)
  if (taken !== undefined) {
    const message = `Domain '${config.name}' already exists with ID '${ids.of(taken)}'`
    throw new FerryError('toolstack.domain', message)
  }
  const { id, name } = await createDomain(session, { ...config, hasDisk: config.disks.length > 0 })
  if (options.has('paused')) await lab.pauseGuest(id)
  const output = `${using}${notes.join('')}Started domain ${name} (id=${ids.of(lab.guest(id))})\n`
  return { ...printed(output), next: options.has('console_autoconnect') ? { do: 'console', guest: id } : null }
}

function dryRun({ name, kernel, memoryMb, disks }: DomainConfig): string {
  const lines = disks.map(
    ({ source, device, writable }) =>
      `    (device (tap (uname phy:${source}) (dev ${device}) (mode ${writable ? 'w' : 'r'})))\n`,
  )
  const memory = memoryMb === undefined ? '' : `    (memory ${memoryMb})\n`
  return `(vm\n    (name ${name})\n${memory}    (vcpus 1)\n    (image (linux (kernel ${kernel})))\n${lines.join('')})\n`
}

async function migrate(session: Session, nameOrId: string, to: string, options: Options): Promise<Outcome> {
  const { lab, host } = session
  const guest = domain(session, nameOrId)
  if (!lab.hosts.has(to)) throw new FerryError('toolstack.peer', "can't connect: Name or service not known")
  const given = options.get('port')
  const port = given === undefined ? host.relocation.port : Number(given)
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw new FerryError('toolstack.port', `invalid literal for int() with base 10: '${String(given)}'`)
  }
  const refusal = reached(lab.host(to), port)
  if (refusal !== null) return failed(`Error: can't connect: Connection refused\nferry: ${refusal}\n`)
  const live = options.has('live')
  const input = { guest: guest.identity.id, to, ...(live ? {} : { algorithms: ['stop-and-copy'] }) }
  const { error, summary } = await migrateAndWait(session, input)
  return error === null ? printed(`ferry: ${summary}\n`) : failed(`Error: ${error}\nferry: ${summary}\n`)
}
