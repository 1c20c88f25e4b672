/** Entry of a vCPU thread: one machine, driven by messages, which are handled between two slices of the guest. */
import { parentPort, workerData } from 'node:worker_threads'
import { nowMs } from '../util/clock.ts'
import { FerryError } from '../util/errors.ts'
import { BLOCK, PAGE_SIZE } from '../vmstate/blocks.ts'
import { directBoot } from './direct-boot.ts'
import { DirtyLog } from './dirty-log.ts'
import { Doorbell } from './doorbell.ts'
import { Emulator } from './emulator.ts'
import type { PageBatch, PageSet, StopOptions, StopReport } from './machine.ts'
import { MemoryBlocks } from './memory-blocks.ts'
import { FreePages } from './free-pages.ts'
import { MissingPages } from './missing-pages.ts'
import { PageGuard } from './page-guard.ts'
import { PowerOn } from './power-on.ts'
import type { CallName, Calls, Reply, Request, ThreadData } from './messages.ts'
import { Screen } from './screen.ts'
import { captureState, restoreState } from './state/index.ts'
import { CPU_OFFSET } from './v86/layout.ts'

/** Bytes that may wait in the UART: enough for a line, few enough that they fit into the state. */
const SERIAL_ROOM = 1024

const port = parentPort
if (port === null) throw new Error('vcpu-thread.ts runs in a worker thread only')
// The other end is ThreadMachine, of the same version: structured clone keeps the type.
const { config, module, doorbell: bell, clockBase } = workerData as ThreadData
const doorbell = new Doorbell(bell)
const emulator = await Emulator.create({ config, module, doorbell, clockBase })
const blocks = new MemoryBlocks(emulator, config)
const log = new DirtyLog(emulator, blocks)
const guard = new PageGuard(emulator, blocks)
const powerOn = new PowerOn(emulator, blocks.written, config.apic)
const screen = new Screen(emulator)
const missing = new MissingPages(emulator, blocks, {
  request: (page) => post({ kind: 'fault', page }),
  wait: () => doorbell.wait(FAULT_WAIT_MS),
})
const free = new FreePages(
  emulator,
  blocks.written,
  config.ramBytes / PAGE_SIZE,
  () => log.active || guard.active || missing.left > 0,
)
/** Longest sleep of a vCPU that waits for a page, before it looks again; it is woken when one comes. */
const FAULT_WAIT_MS = 1000
/** When the vCPU stopped by itself in front of a write; null = it did not. */
let guardHitAtMs: number | null = null
/** After `stop()` the guest's input goes elsewhere. */
let inputClosed = false

const post = (reply: Reply, transfer: ArrayBuffer[] = []) => port.postMessage(reply, transfer)

// Serial output: gathered while a slice runs, sent when it ends, and always before an answer.
let serialOut: number[] = []
function flushSerial(): void {
  if (serialOut.length === 0) return
  const bytes = Uint8Array.from(serialOut)
  serialOut = []
  post({ kind: 'serial', bytes }, [bytes.buffer])
}
emulator.on('serial0-output-byte', (byte) => {
  if (serialOut.push(byte) === 1) setImmediate(flushSerial)
})
emulator.on('net0-send', (frame) => post({ kind: 'frame', frame: frame.slice() }))

function dirtyPages(clear: boolean): PageSet[] {
  if (log.active) return log.fetch(clear)
  // Without a log nothing is known to be clean.
  return blocks.infos.map(({ id, bytes }) => ({
    block: id,
    pages: Uint32Array.from({ length: bytes / PAGE_SIZE }, (_, page) => page),
  }))
}

function stop({ inlinePages, leaveRam = false }: StopOptions): StopReport {
  const begun = nowMs()
  emulator.pause()
  // The guest may stand since an instruction that would have written a page that was taken.
  const pausedAtMs = guardHitAtMs ?? nowMs()
  guardHitAtMs = null
  inputClosed = true
  const changed = guard.active ? guard.spoiled : null
  guard.stop()
  const dirty = dirtyPages(true)
  const sets = leaveRam ? dirty.filter(({ block }) => block !== BLOCK.ram) : dirty
  const none: PageSet = { block: BLOCK.ram, pages: new Uint32Array(0) }
  const few = sets.reduce((sum, { pages }) => sum + pages.length, 0) <= inlinePages
  const batches = few ? sets.map((set) => blocks.read(set)) : []
  const pagesDone = nowMs()
  const state = captureState(emulator, config.apic)
  return {
    beganMs: begun,
    pausedAtMs,
    pauseMs: Math.max(0, pausedAtMs - begun),
    lastPagesMs: pagesDone - Math.max(pausedAtMs, begun),
    captureMs: nowMs() - pagesDone,
    remaining: few ? [] : sets,
    batches,
    used: blocks.written.takeUsed(),
    leftRam: leaveRam ? (changed ?? dirty.find(({ block }) => block === BLOCK.ram) ?? none) : null,
    state,
  }
}

const handlers: { [N in CallName]: (argument: Calls[N][0]) => Calls[N][1] } = {
  identify(mac) {
    powerOn.identify(mac)
  },
  boot(plan) {
    directBoot(emulator, plan)
  },
  resume() {
    const begun = nowMs()
    inputClosed = false
    guardHitAtMs = null
    const runAtMs = nowMs()
    if (!emulator.running) emulator.resume()
    return { runAtMs, resumeMs: runAtMs - begun }
  },
  pause() {
    emulator.pause()
    return { pausedAtMs: nowMs() }
  },
  serialWrite(bytes) {
    if (inputClosed) return 0
    const room = Math.max(0, SERIAL_ROOM - emulator.cpu.devices.uart0.input.length)
    const taken = bytes.subarray(0, room)
    for (const byte of taken) emulator.send('serial0-input', byte)
    return taken.length
  },
  screen: () => screen.image(),
  readPages: (set) => blocks.read(set),
  writePages(batch) {
    blocks.write(batch)
    if (batch.block !== BLOCK.ram) screen.markStale()
  },
  guardStart() {
    guardHitAtMs = null
    guard.start((page) => {
      guardHitAtMs = nowMs()
      post({ kind: 'guarded', page })
    })
  },
  takePages: (set) => guard.take(set),
  guardStop: () => guard.stop(),
  dirtyLogStart() {
    log.start()
  },
  dirtyLogFetch: ({ clear }) => log.fetch(clear),
  dirtyLogStop() {
    log.stop()
  },
  useWatch() {
    blocks.written.watchUse()
  },
  capture: () => captureState(emulator, config.apic),
  restore({ state, clock }) {
    restoreState(emulator, state, clock)
    screen.markStale()
  },
  stop,
  load({ batches, state, clock, missing: later }) {
    const begun = nowMs()
    for (const batch of batches) blocks.write(batch)
    missing.start(later ?? new Uint8Array(0))
    const pagesDone = nowMs()
    restoreState(emulator, state, clock)
    screen.markStale()
    return { beganMs: begun, pagesMs: pagesDone - begun, restoreMs: nowMs() - pagesDone }
  },
  faults: () => missing.takeFaults(),
  digests: (block) => blocks.digests(block),
  zeroPages: (range) => blocks.zeroPages(range),
  unwrittenPages: () => blocks.written.unwritten(),
  freePages: () => free.count,
  instructions: () => emulator.view(CPU_OFFSET.instructionCounter, 4).getUint32(0, true),
  halted: () => emulator.view(CPU_OFFSET.inHlt, 1).getUint8(0) !== 0,
  throttle: (share) => emulator.throttle.set(share),
}

/** Buffers of a result that are handed over instead of copied. */
function transferable(name: CallName, value: unknown): ArrayBuffer[] {
  const ofBatch = ({ data }: PageBatch): ArrayBuffer[] => [data.buffer]
  if (name === 'readPages') return ofBatch(value as PageBatch)
  if (name === 'stop') return (value as StopReport).batches.flatMap(ofBatch)
  if (name === 'digests') return [(value as BigUint64Array<ArrayBuffer>).buffer]
  return []
}

port.on('message', (request: Request) => {
  switch (request.kind) {
    case 'call': {
      const { id, name } = request
      try {
        // The pair of name and argument is one member of Calls; TypeScript loses that over the union.
        const value = (handlers[name] as (argument: unknown) => unknown)(request.argument)
        flushSerial()
        post({ kind: 'result', id, value }, transferable(name, value))
      } catch (thrown) {
        post({ kind: 'error', id, error: FerryError.from(thrown).toJSON() })
      }
      break
    }
    case 'touch':
      powerOn.touch(request.pages)
      break
    case 'frame':
      // A card receives while its machine runs only: what came to a stopped one would change memory already sent.
      if (emulator.running) emulator.send('net0-receive', request.frame)
      break
    case 'keys':
      if (inputClosed) break
      for (const code of request.scanCodes) emulator.send('keyboard-code', code)
      break
    case 'complete':
      if (missing.left === 0) missing.end()
      break
    case 'close':
      emulator.pause()
      process.exit(0)
  }
})

post({ kind: 'ready', place: { ...blocks.ramPlace, missing: missing.address } })
