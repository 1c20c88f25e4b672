/**
 * All counters of one migration in one struct. `COUNTERS` says what each means and in which unit; front ends show
 * these sentences, and nothing is counted anywhere else.
 */
export const COUNTERS = {
  pages_total: { unit: 'pages', means: 'Pages of all memory blocks of the guest.' },
  pages_sent: {
    unit: 'pages',
    means: 'All pages sent, of RAM and device memory, zero pages included, the last ones too.',
  },
  zero_pages: { unit: 'pages', means: 'Of these, pages of zeros, for which only their number travelled.' },
  free_pages: {
    unit: 'pages',
    means:
      'Pages that the guest had said are free when the migration began: they hold zeros, whatever they held before.',
  },
  delta_pages: { unit: 'pages', means: 'Of these, pages of which only what had changed travelled.' },
  delta_saved_B: { unit: 'B', means: 'Bytes of pages that did not travel because of that.' },
  delta_misses: {
    unit: 'pages',
    means: 'Pages sent again as a whole, because their last version was not kept any more.',
  },
  compressed_frames: { unit: 'frames', means: 'Frames whose pages travelled compressed.' },
  compressed_in_B: { unit: 'B', means: 'Size of these pages before, of deltas in place of their pages.' },
  compressed_out_B: { unit: 'B', means: 'Size that they had when they travelled.' },
  pages_retransmitted: { unit: 'pages', means: 'Of these, pages that had been sent before in this run.' },
  pages_skipped: {
    unit: 'pages',
    means: 'Times that a page was left to the next round, because it had been dirtied again since its round began.',
  },
  pages_while_stopped: { unit: 'pages', means: 'Of these, pages sent after the vCPU had stopped.' },
  pages_remaining: { unit: 'pages', means: 'Pages that the target has not yet, or only in an older version.' },
  bytes_sent: { unit: 'B', means: 'All bytes that the source wrote to the connection, headers included.' },
  bytes_received: { unit: 'B', means: 'All bytes that the source received from the target.' },
  state_bytes: { unit: 'B', means: 'Size of the CPU and device state in the common format.' },
  rounds: { unit: 'rounds', means: 'Rounds of pre-copy, the full first one included.' },
  rehearsals: {
    unit: 'times',
    means: 'How often the state was converted and restored on the target before the pause.',
  },
  rehearsal_ms: { unit: 'ms', means: 'Duration of the last rehearsal: capture, conversion, link, restore and answer.' },
  rate_Bps: { unit: 'B/s', means: 'Bytes sent per second in the last round that sent more than a handful of pages.' },
  throttle_max: { unit: 'share', means: 'Largest share of its time, 0–1, that the vCPU was made to sleep.' },
  throttled_ms: { unit: 'ms', means: 'How long the vCPU was made to sleep in all.' },
  stop_wait_ms: {
    unit: 'ms',
    means: 'From the order to stop until the vCPU stood still; the guest still ran, so it is no downtime.',
  },
  paused_at_ms: {
    unit: 'ms',
    means: 'When the vCPU of the source stopped, on the clock of the process; 0 if it did not.',
  },
} as const

export type CounterName = keyof typeof COUNTERS
export type Statistics = Record<CounterName, number>

export function zeroStatistics(): Statistics {
  return Object.fromEntries(Object.keys(COUNTERS).map((name) => [name, 0])) as Statistics
}
