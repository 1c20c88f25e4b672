/** What `xm list` and `xm info` print, column by column as in xm's main.py. */

export interface DomainRow {
  readonly name: string
  readonly id: number
  readonly memoryMb: number
  /** Blocked: its vCPU waits for an interrupt. */
  readonly state: 'running' | 'blocked' | 'paused' | 'crashed'
  /** CPU time that it has had on this host. */
  readonly seconds: number
}

/** `rbpscd`: running, blocked, paused, shutdown, crashed, dying. */
const STATES = { running: 'r-----', blocked: '-b----', paused: '--p---', crashed: '----c-' } as const

export function xmList(rows: readonly DomainRow[]): string {
  const head = `${'Name'.padEnd(40)} ${'ID'.padStart(5)} ${'Mem'.padStart(5)} ${'VCPUs'.padStart(5)} ${'State'.padStart(10)} ${'Time(s)'.padStart(9)}`
  const lines = rows.map(({ name, id, memoryMb, state, seconds }) => {
    const cells = [String(id).padStart(5), String(memoryMb).padStart(5), '1'.padStart(5), STATES[state].padStart(10)]
    return `${name.padEnd(40)} ${cells.join(' ')} ${seconds.toFixed(1).padStart(9)}`
  })
  return [head, ...lines, ''].join('\n')
}

/** `xm list --long`: one expression a domain. */
export function xmListLong(rows: readonly DomainRow[]): string {
  const blocks = rows.map(({ name, id, memoryMb, state, seconds }) =>
    [
      '(domain',
      `    (domid ${id})`,
      `    (name ${name})`,
      `    (memory ${memoryMb})`,
      '    (vcpus 1)',
      `    (state ${STATES[state]})`,
      `    (cpu_time ${seconds.toFixed(9)})`,
      ')',
    ].join('\n'),
  )
  return blocks.map((block) => `${block}\n`).join('\n')
}

/** `key : value` lines of `xm info`. */
export function xmInfo(facts: Readonly<Record<string, string | number>>): string {
  return Object.entries(facts)
    .map(([key, value]) => `${key.padEnd(23)}: ${value}\n`)
    .join('')
}
