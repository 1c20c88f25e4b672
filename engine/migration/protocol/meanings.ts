/** What the fields of messages mean, in a few words: for the inspector. PROTOCOL.md and `schemas.ts` define them. */
import type { MessageName } from './frame.ts'

const REFUSAL = { code: 'reason, for programs', message: 'reason, for people' }

/** By message and path; indices of lists are left out of the path. */
export const MEANINGS: Partial<Record<MessageName, Readonly<Record<string, string>>>> = {
  MIG_REQ: {
    session: 'id of the run',
    'source.name': 'host that the guest leaves',
    'source.kind': 'its hypervisor',
    'guest.id': 'unique over all hosts',
    'guest.name': 'the guest',
    'guest.ramBytes': 'RAM, bytes',
    'guest.blocks.id': 'number of a memory block in PAGES',
    'guest.blocks.name': 'memory block that moves page by page',
    'guest.blocks.bytes': 'its size',
    'guest.devices': 'device that the target must have',
    'guest.cpuFeatures': 'CPUID flag that the guest may rely on',
    formatVersion: 'version of the common format',
    algorithms: 'in order of preference',
    verify: 'memory to compare before the first instruction',
    clock: 'whether guest time includes the migration',
    link: 'the emulated link',
    savings: 'a saving of page transfer that the source can make',
  },
  REQ_OK: {
    'target.name': 'host that takes the guest in',
    'target.kind': 'its hypervisor',
    algorithm: 'chosen out of both pools',
    rehearsal: 'whether it answers rehearsals',
    savings: 'a saving that was offered, and that it knows',
  },
  REQ_FAIL: REFUSAL,
  MIG_CFG: {
    algorithm: 'as agreed',
    'machine.ramBytes': 'RAM to reserve, bytes',
    'machine.vgaBytes': 'video memory, bytes',
    'machine.mac': "address of the guest's card",
    'machine.apic': 'local and I/O APIC',
    'machine.disk': 'shared disk',
  },
  CFG_OK: { channel: 'what further connections of this migration have to say; none where no pages are pulled' },
  CFG_FAIL: REFUSAL,
  MEM_BEG: { pagesTotal: 'pages of all blocks' },
  ROUND_END: { round: '0 is the first, full one', pages: 'pages of the round; the target compares' },
  ACK: { of: 'what is acknowledged', number: 'which one' },
  READY: { unpackMs: 'common format to native records, ms', restoreMs: 'loading the last pages and the state, ms' },
  VERIFY_RESULT: {
    comparedPages: 'pages compared',
    wrongPages: 'pages that differ',
    'examples.block': 'block of a page that differs',
    'examples.page': 'its number',
  },
  RUNNING: {
    runAtMs: "just before the first instruction, the target's clock, ms",
    resumeMs: 'order to run until first instruction, ms',
    sinceRunMs: 'first instruction until this message, ms',
  },
  CHANNEL: {
    session: 'id of the run',
    channel: 'as CFG_OK told it: proves who asks',
    purpose: 'a connection for missing pages, or one in place of a cut one',
  },
  PULL_END: { pages: 'pages sent since the switch-over' },
  PULL_DONE: {
    faults: 'accesses to pages that had not come',
    requests: 'of these, whose page had to be asked for',
    stall_ms: 'how long the vCPU waited, ms',
    p50_us: 'median wait, µs',
    p99_us: 'wait that 99 % do not exceed, µs',
    max_us: 'longest wait, µs',
    'series.at_ms': 'since the switch-over, ms',
    'series.faults': 'accesses in this step',
    'series.stall_ms': 'waiting in this step, ms',
  },
  ABORT: REFUSAL,
  LINK: { link: 'the emulated link from now on' },
}
