/**
 * A client station: a small host on the switch, with MAC and IP of its own, which measures from outside what a
 * migration does to a guest's network. It resolves addresses, pings, runs probes, and answers echo requests (RFC 792,
 * and where asked for RFC 862) itself. It has no routes: everybody it talks to is on its link.
 */
import { nowMs } from '../util/clock.ts'
import { FerryError } from '../util/errors.ts'
import { record, u32 } from '../util/record.ts'
import { BROADCAST_MAC, ipv4Bytes, macBytes, parseMac, ZERO_MAC } from './address.ts'
import { ArpCache, type ArpEntry } from './arp-cache.ts'
import { decodeArp, encodeArp } from './arp.ts'
import { decodeEthernet, encodeEthernet, ETHER_TYPE, ETHERNET_MTU } from './ethernet.ts'
import { decodeIcmp, encodeIcmp, ICMP_PORT_UNREACHABLE } from './icmp.ts'
import { decodeIpv4, encodeIpv4, IP_PROTOCOL, IPV4_DEFAULTS, IPV4_HEADER_BYTES, isFragment } from './ipv4.ts'
import type { Ipv4Packet } from './ipv4.ts'
import { checkInterval, Probe, type ProbeKind, type ProbeOptions } from './probe.ts'
import type { Network, Port } from './switch.ts'
import { decodeUdp, ECHO_PORT, encodeUdp } from './udp.ts'

export const DEFAULT_RESOLVE_MS = 3000
export const DEFAULT_PING_MS = 1000

export interface StationOptions {
  /** Its port's name on the switch. */
  readonly name: string
  readonly mac: string
  readonly ip: string
  /** Serves UDP port 7; false by default. */
  readonly echoService?: boolean
}

/** What an echo request of ours carries, and its answer brings back. */
const stamp = record('echo stamp', 'be', { magic: u32, run: u32, sequence: u32 })
/** "FRRY". */
const STAMP_MAGIC = 0x46525259
/** First of the ports for short-lived use (RFC 6335, 6). */
const FIRST_PORT = 49152
const PORTS = 16384

/** Somebody who waits for answers of one address. */
interface Run {
  readonly ip: string
  readonly kind: ProbeKind
  answered(sequence: number, atMs: number): void
  refused(): void
}

/** Numbers runs throughout the process, so that no answer to an earlier station's run is taken for ours. */
let lastRun = 0

export class Station {
  readonly name: string
  readonly mac: string
  readonly ip: string
  readonly #echoService: boolean
  readonly #port: Port
  readonly #arp: ArpCache
  readonly #runs = new Map<number, Run>()
  readonly #closers = new Set<() => void>()

  /** Throws `network.mac`, `network.ip`, or `network.port-name`. */
  constructor(network: Network, options: StationOptions) {
    macBytes(options.mac)
    ipv4Bytes(options.ip)
    this.name = options.name
    this.mac = parseMac(options.mac) ?? options.mac
    this.ip = options.ip
    this.#echoService = options.echoService ?? false
    this.#arp = new ArpCache((ip) => this.#sendArp('request', ZERO_MAC, ip, BROADCAST_MAC))
    this.#port = network.attach(options.name, (frame) => this.#receive(frame))
  }

  /** The addresses it knows. */
  get arpTable(): readonly ArpEntry[] {
    return this.#arp.entries
  }

  /**
   * The MAC address of an IP address, from the cache or by asking. Rejects with `network.ip`, `network.arp-timeout`
   * or `network.closed`.
   */
  async resolve(ip: string, timeoutMs: number = DEFAULT_RESOLVE_MS): Promise<string> {
    ipv4Bytes(ip)
    return this.#arp.resolve(ip, timeoutMs)
  }

  /**
   * One ICMP echo. Resolves with its round-trip time in ms; rejects as `resolve` does, or with `network.ping-timeout`
   * where no answer came within `timeoutMs`.
   */
  async ping(ip: string, timeoutMs: number = DEFAULT_PING_MS): Promise<number> {
    await this.resolve(ip, timeoutMs)
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer)
        this.#closers.delete(close)
        this.#runs.delete(run)
      }
      const close = (): void => {
        end()
        reject(new FerryError('network.closed', 'The station has left the network.'))
      }
      const timer = setTimeout(() => {
        end()
        const message = `${ip} did not answer a ping within ${timeoutMs} ms.`
        reject(new FerryError('network.ping-timeout', message, { ip, timeout_ms: timeoutMs }))
      }, timeoutMs)
      let sentAtMs = 0
      const run = this.#addRun({
        ip,
        kind: 'icmp',
        answered: (_sequence, atMs) => {
          end()
          resolve(atMs - sentAtMs)
        },
        refused: () => undefined,
      })
      this.#closers.add(close)
      sentAtMs = nowMs()
      this.#sendEcho(ip, 'icmp', run, 0)
    })
  }

  /**
   * Starts a probe; resolves once its first request is sent. The caller stops it. Rejects as `resolve` does, or with
   * `network.probe-interval`.
   */
  async probe(options: ProbeOptions, timeoutMs: number = DEFAULT_RESOLVE_MS): Promise<Probe> {
    const { ip, kind } = options
    checkInterval(options.intervalMs)
    await this.resolve(ip, timeoutMs)
    if (!this.#port.attached) throw new FerryError('network.closed', 'The station has left the network.')
    const probe = new Probe(
      options,
      (sequence) => this.#sendEcho(ip, kind, run, sequence),
      () => {
        this.#runs.delete(run)
        this.#closers.delete(close)
      },
    )
    const run = this.#addRun({
      ip,
      kind,
      answered: (sequence, atMs) => probe.answered(sequence, atMs),
      refused: () => probe.refused(),
    })
    const close = (): void => void probe.stop(0)
    this.#closers.add(close)
    probe.start()
    return probe
  }

  /** Stops its probes, rejects what waits, and leaves the network. Idempotent. */
  close(): void {
    for (const close of [...this.#closers]) close()
    this.#arp.close()
    this.#port.detach()
  }

  #addRun(run: Run): number {
    lastRun = (lastRun + 1) >>> 0
    this.#runs.set(lastRun, run)
    return lastRun
  }

  #receive(data: Uint8Array): void {
    const atMs = nowMs()
    const frame = decodeEthernet(data)
    if (frame === null || (frame.destination !== this.mac && frame.destination !== BROADCAST_MAC)) return
    if (frame.etherType === ETHER_TYPE.arp) this.#receiveArp(frame.payload)
    if (frame.etherType !== ETHER_TYPE.ipv4) return
    const packet = decodeIpv4(frame.payload)
    if (packet === null || packet.destination !== this.ip || isFragment(packet)) return
    // A frame with room for a VLAN tag could carry a packet that no answer of ours may be as long as.
    if (packet.payload.length > ETHERNET_MTU - IPV4_HEADER_BYTES) return
    if (packet.protocol === IP_PROTOCOL.icmp) this.#receiveIcmp(packet, frame.source, atMs)
    else if (packet.protocol === IP_PROTOCOL.udp) this.#receiveUdp(packet, frame.source, atMs)
  }

  #receiveArp(payload: Uint8Array): void {
    const packet = decodeArp(payload)
    if (packet === null || packet.senderIp === this.ip) return
    const forUs = packet.targetIp === this.ip
    this.#arp.heard(packet, forUs)
    if (forUs && packet.operation === 'request') {
      this.#sendArp('reply', packet.senderMac, packet.senderIp, packet.senderMac)
    }
  }

  #receiveIcmp(packet: Ipv4Packet, from: string, atMs: number): void {
    const message = decodeIcmp(packet.payload)
    if (message === null) return
    if (message.kind === 'request') {
      this.#sendIp(packet.source, IP_PROTOCOL.icmp, encodeIcmp({ ...message, kind: 'reply' }), from)
    } else if (message.kind === 'reply') {
      this.#answered('icmp', packet.source, from, message.payload, atMs)
    } else if (message.kind === 'unreachable' && message.code === ICMP_PORT_UNREACHABLE) {
      const port = quotedUdpSource(message.quoted)
      for (const [number, run] of this.#runs) {
        if (run.kind === 'udp' && run.ip === packet.source && portOf(number) === port) run.refused()
      }
    }
  }

  #receiveUdp(packet: Ipv4Packet, from: string, atMs: number): void {
    const datagram = decodeUdp(packet.payload, packet)
    if (datagram === null) return
    if (datagram.sourcePort === ECHO_PORT) {
      this.#answered('udp', packet.source, from, datagram.payload, atMs)
    } else if (datagram.destinationPort === ECHO_PORT && this.#echoService) {
      // Never an answer to port 7 (the branch above): two echo services would answer each other for ever.
      const reply = { ...datagram, sourcePort: ECHO_PORT, destinationPort: datagram.sourcePort }
      const bytes = encodeUdp(reply, { source: this.ip, destination: packet.source })
      this.#sendIp(packet.source, IP_PROTOCOL.udp, bytes, from)
    }
  }

  #answered(kind: ProbeKind, ip: string, mac: string, payload: Uint8Array, atMs: number): void {
    if (payload.length < stamp.bytes) return
    const answer = stamp.decode(payload)
    const run = this.#runs.get(answer.run)
    if (answer.magic !== STAMP_MAGIC || run === undefined || run.ip !== ip || run.kind !== kind) return
    this.#arp.confirm(ip, mac)
    run.answered(answer.sequence, atMs)
  }

  #sendEcho(ip: string, kind: ProbeKind, run: number, sequence: number): void {
    const payload = stamp.encode({ magic: STAMP_MAGIC, run, sequence })
    const bytes =
      kind === 'icmp'
        ? encodeIcmp({ kind: 'request', identifier: run & 0xffff, sequence: sequence & 0xffff, payload })
        : encodeUdp(
            { sourcePort: portOf(run), destinationPort: ECHO_PORT, payload },
            { source: this.ip, destination: ip },
          )
    const mac = this.#arp.lookup(ip)
    if (mac !== null) this.#sendIp(ip, kind === 'icmp' ? IP_PROTOCOL.icmp : IP_PROTOCOL.udp, bytes, mac)
  }

  #sendIp(ip: string, protocol: number, payload: Uint8Array, mac: string): void {
    this.#port.send(
      encodeEthernet({
        destination: mac,
        source: this.mac,
        etherType: ETHER_TYPE.ipv4,
        payload: encodeIpv4({ ...IPV4_DEFAULTS, source: this.ip, destination: ip, protocol, payload }),
      }),
    )
  }

  #sendArp(operation: 'request' | 'reply', targetMac: string, targetIp: string, destination: string): void {
    this.#port.send(
      encodeEthernet({
        destination,
        source: this.mac,
        etherType: ETHER_TYPE.arp,
        payload: encodeArp({ operation, senderMac: this.mac, senderIp: this.ip, targetMac, targetIp }),
      }),
    )
  }
}

/** The UDP port that a run sends from. */
function portOf(run: number): number {
  return FIRST_PORT + (run % PORTS)
}

/** The source port of the UDP packet that an ICMP error quotes, or null where it quotes something else. */
function quotedUdpSource(quoted: Uint8Array): number | null {
  const headerBytes = ((quoted[0] ?? 0) & 0xf) * 4
  if (headerBytes < IPV4_HEADER_BYTES || quoted.length < headerBytes + 2 || quoted[9] !== IP_PROTOCOL.udp) return null
  return ((quoted[headerBytes] ?? 0) << 8) | (quoted[headerBytes + 1] ?? 0)
}
