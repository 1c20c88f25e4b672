/**
 * Browsers that keep a guest's web server busy: each fetches one file after the other over the lab's switch, without a
 * pause. What they see of a migration is the longest time in which none of them received anything.
 */
import { createHash } from 'node:crypto'
import { decodeEthernet, encodeEthernet, ETHER_TYPE } from '../../../../engine/network/ethernet.ts'
import { decodeIpv4, encodeIpv4, IPV4_DEFAULTS, isFragment } from '../../../../engine/network/ipv4.ts'
import { Station } from '../../../../engine/network/station.ts'
import type { Network, Port } from '../../../../engine/network/switch.ts'
import { nowMs, sleep } from '../../../../engine/util/clock.ts'
import { FerryError } from '../../../../engine/util/errors.ts'
import type { Tick } from '../tick.ts'
import { Download } from './download.ts'
import { decodeTcp, encodeTcp, FIN, RST, type Segment, TCP_PROTOCOL } from './tcp.ts'

const ADDRESS = { name: 'browsers', mac: '02:fe:00:00:00:03', ip: '10.0.0.3' }
const BROWSERS = 4
/** Of the guest's 64 KiB files (`/data/00.bin` …), one after the other. */
const FILES = 30
const TICK_MS = 20
const FIRST_PORT = 10_000
const PORTS = 50_000
const BEGIN_DEADLINE_MS = 20_000
/** Files fetched before the server counts as busy: each browser has come round. */
const WARM_FILES = 2 * BROWSERS

export class Browsers {
  /** Arrivals of data, numbered. */
  readonly arrivals: Tick[] = []
  /** Downloads that ended well; that broke; and whole ones whose content is not that of the first of their name. */
  fetched = 0
  broken = 0
  wrong = 0
  readonly #station: Station
  readonly #server: string
  readonly #downloads = new Map<number, { download: Download; path: string }>()
  readonly #digests = new Map<string, string>()
  readonly #timer: NodeJS.Timeout
  #port: Port | null = null
  #mac = ''
  #next = 0

  private constructor(network: Network, server: string) {
    this.#server = server
    // One port for both: the station answers for the address, the downloads take what is TCP.
    const shared: Network = {
      attach: (name, deliver) => {
        const port = network.attach(name, (frame) => {
          this.#receive(frame)
          deliver(frame)
        })
        this.#port = port
        return port
      },
    }
    this.#station = new Station(shared, ADDRESS)
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
  }

  /** Starts them; resolves when the server is busy. @throws FerryError `bench.web`, `network.*` */
  static async start(network: Network, server: string): Promise<Browsers> {
    const browsers = new Browsers(network, server)
    try {
      browsers.#mac = await browsers.#station.resolve(server)
      for (let i = 0; i < BROWSERS; i++) browsers.#begin()
      for (const until = nowMs() + BEGIN_DEADLINE_MS; browsers.fetched < WARM_FILES; await sleep(TICK_MS)) {
        if (nowMs() > until) throw new FerryError('bench.web', "The guest's web server did not deliver its files.")
      }
    } catch (thrown) {
      browsers.stop()
      throw thrown
    }
    return browsers
  }

  /** Breaks off whatever is under way. Idempotent. */
  stop(): void {
    clearInterval(this.#timer)
    this.#downloads.clear()
    this.#station.close()
  }

  #begin(): void {
    const number = this.#next++
    const path = `/data/${String(number % FILES).padStart(2, '0')}.bin`
    const port = FIRST_PORT + (number % PORTS)
    const send = (segment: Segment) => this.#send(segment)
    this.#downloads.set(port, {
      path,
      download: new Download({ path, port, sequence: number * 65_536, send, atMs: nowMs() }),
    })
  }

  #receive(frame: Uint8Array): void {
    const atMs = nowMs()
    const ethernet = decodeEthernet(frame)
    if (ethernet?.etherType !== ETHER_TYPE.ipv4) return
    const packet = decodeIpv4(ethernet.payload)
    if (packet === null || packet.protocol !== TCP_PROTOCOL || packet.destination !== ADDRESS.ip) return
    const segment = isFragment(packet) ? null : decodeTcp(packet.payload, packet)
    if (segment === null) return
    const known = this.#downloads.get(segment.destinationPort)
    if (known === undefined) return this.#refuse(segment)
    if (known.download.receive(segment, atMs)) this.arrivals.push({ seq: this.arrivals.length, atMs })
    this.#settle(known.download, known.path)
  }

  #tick(): void {
    for (const { download, path } of [...this.#downloads.values()]) {
      download.tick(nowMs())
      this.#settle(download, path)
    }
  }

  /** A browser whose download has ended begins the next one. */
  #settle(download: Download, path: string): void {
    if (download.state !== 'done' && download.state !== 'failed') return
    this.#downloads.delete(download.port)
    const { body } = download
    if (body === null) this.broken++
    else {
      const digest = createHash('md5').update(body).digest('hex')
      const first = this.#digests.get(path) ?? digest
      this.#digests.set(path, first)
      if (digest === first) this.fetched++
      else this.wrong++
    }
    this.#begin()
  }

  /** What is sent again to a connection that is over is refused (RFC 9293, 3.5.2), so that the server lets go of it. */
  #refuse({ flags, sourcePort, destinationPort, sequence, acknowledgement, payload }: Segment): void {
    if ((flags & RST) !== 0 || ((flags & FIN) === 0 && payload.length === 0)) return
    this.#send({
      ...{ sourcePort: destinationPort, destinationPort: sourcePort, flags: RST, window: 0 },
      ...{ sequence: acknowledgement, acknowledgement: (sequence + payload.length) >>> 0, payload: new Uint8Array() },
    })
  }

  #send(segment: Segment): void {
    const addresses = { source: ADDRESS.ip, destination: this.#server }
    const payload = encodeTcp(segment, addresses)
    this.#port?.send(
      encodeEthernet({
        ...{ destination: this.#mac, source: ADDRESS.mac, etherType: ETHER_TYPE.ipv4 },
        payload: encodeIpv4({ ...IPV4_DEFAULTS, ...addresses, protocol: TCP_PROTOCOL, payload }),
      }),
    )
  }
}
