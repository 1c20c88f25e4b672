/** `virsh migrate`, and what acts on a migration under way. */
import type { MigrateInput } from '../../contract/lab.ts'
import type { QosTargets } from '../../contract/prediction.ts'
import { virshBytes, virshLines } from '../../hypervisors/kvm/toolstack/format.ts'
import { LIBVIRTD_CONF, TCP_PORT } from '../../hypervisors/kvm/toolstack/libvirt-config.ts'
import { isLoopback } from '../../hypervisors/toolstack/relocation.ts'
import { FerryError } from '../../util/errors.ts'
import { PAGE_SIZE } from '../../vmstate/blocks.ts'
import type { Guest } from '../guest.ts'
import type { Host } from '../host.ts'
import { daemonRules } from './configuration.ts'
import { migrateAndWait, reached } from './migration.ts'
import { failed, type Outcome, printed, type Session } from './session.ts'

const BITS_OF_MIB = 8 * 2 ** 20
/** What `migrate-setmaxdowntime` and `migrate-setspeed` have set for a guest, on whatever host it is. */
const limits = new WeakMap<Guest, QosTargets>()

type Options = ReadonlyMap<string, string | true>

export async function virshMigrate(session: Session, guest: Guest, uri: string, options: Options): Promise<Outcome> {
  const host = hostOf(session, uri)
  const to = host.name
  const port = migrationPort(host, options.get('migrateuri'))
  const refusal = reached(host, port)
  if (refusal !== null) {
    const where = `'${to}:${port}'`
    throw new FerryError(
      'toolstack.peer',
      `unable to connect to server at ${where}: Connection refused\nferry: ${refusal}`,
    )
  }
  const bandwidth = options.get('bandwidth')
  const input: MigrateInput = {
    guest: guest.identity.id,
    to,
    ...limits.get(guest),
    ...(typeof bandwidth === 'string' ? { max_bandwidth_bps: bandwidthOf(bandwidth) } : {}),
    algorithms: [algorithmOf(options)],
    ...(options.has('compressed') ? { savings: { delta: true } } : {}),
  }
  const { error, summary } = await migrateAndWait(session, input)
  const progress = options.has('verbose') ? 'Migration: [100 %]\n' : ''
  return error === null ? printed(`${progress}ferry: ${summary}\n\n`) : failed(`error: ${error}\nferry: ${summary}\n\n`)
}

/** libvirt pauses a guest that is not moved live; what may become post-copy is the lab's hybrid. */
function algorithmOf(options: Options): string {
  if (options.has('postcopy') || options.has('postcopy-after-precopy')) return 'hybrid'
  return options.has('live') ? 'pre-copy' : 'stop-and-copy'
}

/**
 * The host of `qemu+ssh://[USER@]HOST/system`, `qemu+tcp://HOST[:PORT]/system` or `xen+ssh://HOST/`, whose daemon answers.
 * @throws FerryError `toolstack.peer`
 */
function hostOf(session: Session, uri: string): Host {
  const match = /^(qemu|xen)\+(ssh|tcp|tls):\/\/(?:[^@/]+@)?([^@/:]+)(?::(\d+))?(?:\/(?:system)?)?$/.exec(uri)
  if (match === null) {
    throw new FerryError('toolstack.peer', `failed to parse URI '${uri}'. It is e.g. qemu+ssh://kvm/system.`)
  }
  const [, scheme, transport, name, port] = match
  const host = session.lab.hosts.get(name)
  if (host === undefined) {
    const over = transport === 'ssh' ? 'Cannot recv data: ssh: Could not resolve hostname' : 'unable to resolve address'
    throw new FerryError('toolstack.peer', `${over} ${name}: Name or service not known`)
  }
  if ((scheme === 'xen') !== (host.kind === 'xen')) {
    throw new FerryError('toolstack.peer', `no connection driver available for ${uri}; ${name} is ${uriOf(host)}.`)
  }
  if (transport !== 'ssh') {
    const why = unreached(session, host, transport, port === undefined ? undefined : Number(port))
    if (why !== null) throw new FerryError('toolstack.peer', why)
  }
  return host
}

/** Why the daemon does not answer over plain TCP or TLS, in libvirt's words and ours; null: it does. */
function unreached(session: Session, host: Host, transport: string, given: number | undefined): string | null {
  const { name } = host
  if (transport === 'tls') {
    const file = '/etc/pki/CA/cacert.pem'
    return `Cannot read CA certificate '${file}': No such file or directory\nferry: this lab has no certificates. Use ${uriOf(host)}.`
  }
  const refused = (port: number, why: string) =>
    `unable to connect to server at '${name}:${port}': Connection refused\nferry: ${why}`
  if (host.kind === 'xen') return refused(given ?? TCP_PORT, `${name} has no libvirtd. Use ${uriOf(host)}.`)
  const { listens, port, address, auth } = daemonRules(session.filesOf(name))
  const asked = given ?? TCP_PORT
  const file = `${LIBVIRTD_CONF} of ${name}`
  if (!listens) return refused(asked, `${file} does not say listen_tcp = 1.`)
  if (isLoopback(address)) return refused(asked, `libvirtd of ${name} listens at ${address}, for itself alone.`)
  if (asked !== port) return refused(asked, `${file} says tcp_port = "${port}".`)
  if (auth === 'sasl') {
    return `authentication failed: authentication failed\nferry: ${file} asks for SASL, which nobody here has; auth_tcp = "none" asks for nothing.`
  }
  return null
}

/** Where the guest is sent: as the target says, or as the user does. @throws FerryError `toolstack.peer` */
function migrationPort(host: Host, uri: string | true | undefined): number {
  if (typeof uri !== 'string') return host.relocation.port
  const match = /^tcp:(?:\/\/)?([^@/:]+):(\d{1,5})$/.exec(uri)
  if (match === null || match[1] !== host.name) {
    throw new FerryError(
      'toolstack.peer',
      `invalid migration URI '${uri}'. It is e.g. tcp://${host.name}:${host.relocation.port}.`,
    )
  }
  return Number(match[2])
}

/** How virsh names a host. */
export const uriOf = ({ kind, name }: Pick<Host, 'kind' | 'name'>): string =>
  kind === 'xen' ? `xen+ssh://${name}/` : `qemu+ssh://${name}/system`

/** @param text of the command @throws FerryError `toolstack.number` */
function whole(text: string, most: number, what: string): number {
  const number = Number(text)
  if (/^\d+$/.test(text) && number >= 1 && number <= most) return number
  const message = `Numeric value '${text}' for <${what}> option is malformed or out of range`
  throw new FerryError('toolstack.number', message)
}

/** MiB/s, as virsh takes them, to bits per second. */
const bandwidthOf = (text: string): number => whole(text, 10_000, 'bandwidth') * BITS_OF_MIB

/** Sets what the migration under way keeps to, and those that come. */
export function setLimit({ runs }: Session, guest: Guest, what: 'downtime' | 'bandwidth', text: string): void {
  const change =
    what === 'downtime'
      ? { max_downtime_ms: whole(text, 60_000, 'downtime') }
      : { max_bandwidth_bps: bandwidthOf(text) }
  limits.set(guest, { ...limits.get(guest), ...change })
  runs.of(guest)?.setTargets(change)
}

/** `virsh domjobinfo`. */
export function jobInfo({ runs }: Session, guest: Guest): string {
  const run = runs.of(guest)
  if (run === undefined) return virshLines({ 'Job type': 'None' }, 18)
  const { age_ms, progress } = run.view
  const bytes = (pages: number) => virshBytes(pages * PAGE_SIZE)
  return virshLines(
    {
      'Job type': 'Unbounded',
      Operation: 'Outgoing migration',
      'Time elapsed': `${Math.round(age_ms)} ms`,
      'Data processed': virshBytes(progress?.bytes_sent_B ?? 0),
      'Data remaining': bytes(progress?.remaining_pages ?? 0),
      'Data total': bytes(progress?.pages_total ?? 0),
      'Memory bandwidth': `${virshBytes(progress?.rate_Bps ?? 0)}/s`,
      Iteration: String(progress?.round ?? 0),
    },
    18,
  )
}
