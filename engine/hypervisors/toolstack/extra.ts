/** What a domain's kernel line says to the lab: `workload=NAME[:VALUE,…] hb=MS`; other words are the kernel's own. */

export interface Extra {
  readonly workload: string | undefined
  /** Milliseconds. */
  readonly heartbeatMs: number | undefined
}

export function parseExtra(text: string): Extra {
  const value = (name: string) => new RegExp(String.raw`(?:^|\s)${name}=(\S+)`).exec(text)?.[1]
  const heartbeat = value('hb')
  return { workload: value('workload'), heartbeatMs: heartbeat === undefined ? undefined : Number(heartbeat) }
}
