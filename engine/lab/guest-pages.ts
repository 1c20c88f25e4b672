/** The state of every page of a guest, at rest and on its way. */
import { PAGE_STATE, type PagesView } from '../contract/pages.ts'
import { BLOCK, PAGE_SIZE } from '../vmstate/blocks.ts'
import type { Machine } from '../machine/machine.ts'
import { FerryError } from '../util/errors.ts'
import type { ActiveRun } from './active-run.ts'
import type { Guest } from './guest.ts'
import type { HostedMachine } from './hosted-machine.ts'
import { base64 } from './inspect.ts'

/** Pages scanned for zeros in one step, between which the guest runs on: 8 MiB take about a millisecond. */
const SCAN_PAGES = 2048
/** Stages in which the dirty log tells what is to be sent again; later on its pages are on their way. */
const LAST_LOGGED_STAGE = 2
/** A look at a log that ends in that very moment finds none. */
const LOG_IS_OFF = ['machine.log-off', 'memory.not-logging', 'machine.closed']

/** @throws FerryError `machine.*` where the guest's machine has ended */
export async function pagesOf(guest: Guest, run: ActiveRun | undefined): Promise<PagesView> {
  const { host, machine } = guest.residence
  const pages = guest.ramBytes / PAGE_SIZE
  const states = run === undefined ? await atRest(machine, pages) : run.pages.ram()
  if (run === undefined || run.stage <= LAST_LOGGED_STAGE) {
    // What the target does not have yet is missing, whether it changes or not.
    for (const page of await dirtyPages(machine))
      if (states[page] !== PAGE_STATE.missing) states[page] = PAGE_STATE.dirty
  }
  return { host, run_id: run?.id ?? null, pages, states: base64(states) }
}

async function atRest(machine: HostedMachine, pages: number): Promise<Uint8Array<ArrayBuffer>> {
  const zero = await zeroPagesOf(machine, pages)
  return zero.map((is) => (is === 1 ? PAGE_STATE.zero : PAGE_STATE.clean))
}

/** Which of the first so many pages of RAM hold nothing but zeros: a byte each, 1 where it is so. The guest runs on. */
export async function zeroPagesOf(machine: Machine, pages: number): Promise<Uint8Array<ArrayBuffer>> {
  const zero = new Uint8Array(pages)
  for (let first = 0; first < pages; first += SCAN_PAGES) {
    const count = Math.min(SCAN_PAGES, pages - first)
    zero.set(await machine.zeroPages({ block: BLOCK.ram, first, count }), first)
  }
  return zero
}

/** RAM pages in the dirty log, which stay there. */
async function dirtyPages(machine: HostedMachine): Promise<Uint32Array> {
  const none = new Uint32Array(0)
  if (!['shadow', 'logging'].includes(machine.view.mode)) return none
  try {
    return (await machine.dirtyLogFetch(false)).find(({ block }) => block === BLOCK.ram)?.pages ?? none
  } catch (thrown) {
    if (LOG_IS_OFF.includes(FerryError.from(thrown).code)) return none
    throw thrown
  }
}
