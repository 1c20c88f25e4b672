/**
 * The compatibility check of stage 0: may this guest move to that host? Pure, so that the lab can ask before a
 * connection exists and the target asks again when it has one. Every point is listed, passed or not.
 */
import type { HypervisorKind, Refusal } from '../hypervisors/hypervisor.ts'
import { FerryError } from '../util/errors.ts'
import type { BlockInfo } from '../vmstate/blocks.ts'
import { negotiate } from './policy/pool.ts'
import type { Body } from './protocol/schemas.ts'
import type { Saving } from './saving/savings.ts'

/** What the check looks at: MIG_REQ without what belongs to the single run. */
export type MigrationRequest = Pick<Body<'MIG_REQ'>, 'source' | 'guest' | 'formatVersion' | 'algorithms'>

/** What a host offers to guests that come. */
export interface HostOffer {
  readonly name: string
  readonly kind: HypervisorKind
  /** Most memory of one guest, bytes. */
  readonly guestRamLimitBytes: number
  /** Machine memory that is free now, bytes. */
  readonly freeMemoryBytes: number
  readonly devices: readonly string[]
  readonly cpuFeatures: readonly string[]
  /** Versions of the common format that it reads. */
  readonly formatVersions: readonly number[]
  readonly algorithms: readonly string[]
  /** Why there are not more of them; absent: nothing is missing that could be there. */
  readonly algorithmsNote?: string | undefined
  /** Savings of page transfer; absent: all. */
  readonly savings?: readonly Saving[] | undefined
  /** False: it takes no guests at all, as without `(xend-relocation-server yes)`. Absent: true. */
  readonly accepting?: boolean | undefined
  /**
   * Regular expressions, as in `xend-relocation-hosts-allow`: one must match the peer's address, or its name where it
   * is one of `knownPeers`. Empty: everyone may.
   */
  readonly hostsAllow: readonly string[]
  /** Hosts whose names are known, with the address that each connects from. */
  readonly knownPeers: readonly { readonly name: string; readonly address: string }[]
  /** What is special about the time that guests see there; absent: nothing. */
  readonly clock?: string | undefined
  /** Ids of guests that are here already. */
  readonly guestIds: readonly string[]
}

export interface Point {
  readonly id:
    | 'peer-allowed'
    | 'format-version'
    | 'algorithm'
    | 'guest-id'
    | 'ram-limit'
    | 'memory'
    | 'devices'
    | 'cpu-features'
    | 'state'
    | 'clock'
  readonly ok: boolean
  readonly title: string
  /** The facts, in a sentence. */
  readonly detail: string
}

const mib = (bytes: number): string => `${(bytes / (1 << 20)).toFixed(0)} MiB`
const missing = (wanted: readonly string[], had: readonly string[]): string[] => wanted.filter((w) => !had.includes(w))

/**
 * Whether the host takes connections from a peer that is known by these names. As with xend, a pattern has to match
 * from the beginning of a name; one that is no regular expression matches only itself.
 */
export function peerAllowed(patterns: readonly string[], names: readonly string[]): boolean {
  if (patterns.length === 0) return true
  return patterns.some((pattern) =>
    names.some((name) => {
      if (pattern === name) return true
      try {
        return new RegExp(`^(?:${pattern})`).test(name)
      } catch {
        return false
      }
    }),
  )
}

/**
 * All points of the check, in the order in which they are told.
 * @param peerAddress address of the source, where a connection exists
 */
export function checkCompatibility(request: MigrationRequest, offer: HostOffer, peerAddress?: string): Point[] {
  const { guest, source } = request
  const address = peerAddress?.replace(/^::ffff:/, '')
  // The name that a peer gives itself counts only where the host knows that name to be at that address.
  const known = offer.knownPeers.some((peer) => peer.name === source.name && peer.address === address)
  const names = [...(known ? [source.name] : []), ...(address === undefined ? [] : [address])]
  const accepting = offer.accepting !== false
  const allowed = accepting && peerAllowed(offer.hostsAllow, names)
  const format = offer.formatVersions.includes(request.formatVersion)
  const algorithm = negotiate(request.algorithms, offer.algorithms)
  const here = offer.guestIds.includes(guest.id)
  const need = guest.blocks.reduce((sum, block) => sum + block.bytes, 0)
  const devices = missing(guest.devices, offer.devices)
  const features = missing(guest.cpuFeatures, offer.cpuFeatures)
  return [
    {
      id: 'peer-allowed',
      ok: allowed,
      title: 'The target accepts guests from this host',
      detail: allowed
        ? `${offer.name} accepts ${source.name}.`
        : !accepting
          ? `${offer.name} takes no guests: its relocation server is off. Turn it on in the configuration of ${offer.name}.`
          : `${offer.name} accepts only peers that match: ${offer.hostsAllow.join(' ')}.`,
    },
    {
      id: 'format-version',
      ok: format,
      title: 'Both speak the same version of the common format',
      detail: `The source writes version ${request.formatVersion}; ${offer.name} reads ${offer.formatVersions.join(', ')}.`,
    },
    {
      id: 'algorithm',
      ok: algorithm !== null,
      title: 'The algorithm pools have an algorithm in common',
      detail:
        algorithm === null
          ? `The source offers ${request.algorithms.join(', ')}; ${offer.name} has ${offer.algorithms.join(', ') || 'none'}.` +
            (offer.algorithmsNote === undefined ? '' : ` ${offer.algorithmsNote}`)
          : `${algorithm} is in both pools.`,
    },
    {
      id: 'guest-id',
      ok: !here,
      title: 'The guest is not on the target yet',
      detail: here
        ? `${offer.name} has a guest with the id ${guest.id} already.`
        : `${guest.id} is new to ${offer.name}.`,
    },
    {
      id: 'ram-limit',
      ok: guest.ramBytes <= offer.guestRamLimitBytes,
      title: "The guest's RAM is within the target's limit",
      detail: `${mib(guest.ramBytes)} of RAM; ${offer.name} allows ${mib(offer.guestRamLimitBytes)} a guest.`,
    },
    {
      id: 'memory',
      ok: need <= offer.freeMemoryBytes,
      title: 'The target has enough free memory',
      detail: `${mib(need)} needed, device memory included; ${mib(offer.freeMemoryBytes)} free on ${offer.name}.`,
    },
    {
      id: 'devices',
      ok: devices.length === 0,
      title: 'The target knows every device of the guest',
      detail:
        devices.length === 0
          ? `${guest.devices.length} devices, all known.`
          : `${offer.name} does not know ${devices.join(', ')}.`,
    },
    {
      id: 'cpu-features',
      ok: features.length === 0,
      title: "The target's CPU has every feature that the guest may use",
      detail:
        features.length === 0
          ? `${guest.cpuFeatures.length} features, all there.`
          : `The vCPUs of ${offer.name} lack ${features.join(', ')}.`,
    },
    ...(offer.clock === undefined
      ? []
      : [{ id: 'clock' as const, ok: true, title: "The guest's clock goes on", detail: offer.clock }]),
  ]
}

const REFUSALS: Readonly<Record<Point['id'], string>> = {
  'peer-allowed': 'peer-not-allowed',
  'format-version': 'format-version',
  algorithm: 'no-common-algorithm',
  'guest-id': 'guest-exists',
  'ram-limit': 'ram-limit',
  memory: 'out-of-memory',
  devices: 'unknown-device',
  'cpu-features': 'cpu-features',
  state: 'state',
  clock: 'clock',
}

/** The refusal that follows from the points: the first that failed, as `refused.<reason>`; null when all passed. */
export function refusalOf(points: readonly Point[]): FerryError | null {
  const failed = points.find((point) => !point.ok)
  if (failed === undefined) return null
  return new FerryError(`refused.${REFUSALS[failed.id]}`, failed.detail, {
    point: failed.id,
    failed: points
      .filter((point) => !point.ok)
      .map((point) => point.id)
      .join(','),
  })
}

/** The error at the source for a refusal that the target sent. */
export function refused(body: { code: string; message: string }): FerryError {
  const code = body.code.startsWith('refused.') ? body.code : `refused.${body.code}`
  return new FerryError(code, `The target refused: ${body.message}`, { reason: body.code })
}

/**
 * The point of the check for which the guest's state has been looked at.
 * @param refusals what the target's hypervisor says of it
 */
export function statePoint(refusals: readonly Refusal[], target: string): Point {
  const ok = refusals.length === 0
  const title = "The target's machine can be in the guest's present state"
  const detail = ok ? `${target} takes it as it is.` : refusals.map(({ why }) => why).join(' ')
  return { id: 'state', ok, title, detail }
}

/** Whether two machines have the same memory blocks. */
export function sameBlocks(own: readonly BlockInfo[], theirs: readonly BlockInfo[]): boolean {
  const key = (blocks: readonly BlockInfo[]): string =>
    blocks
      .map((b) => `${b.id}:${b.bytes}`)
      .sort()
      .join()
  return key(own) === key(theirs)
}
