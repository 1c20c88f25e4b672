/** Keeps the lab service running: starts it, hands out ports to it, restarts it after a crash and says what happened. */
import { EventEmitter } from 'node:events'
import type { MessagePortMain } from 'electron'
import type { FromHost } from './host-messages.ts'
import type { ServiceListener, ServiceProcess } from './service-process.ts'
import type { ServiceStatus } from './shell.ts'

/** So many crashes within so long, and it is not restarted by itself any more. */
const MAX_CRASHES = 3
const CRASH_WINDOW_MS = 60_000
/** Guests are destroyed and the store closed in this time. */
const END_DEADLINE_MS = 5000

const SAFE = 'The guests that ran in it are gone; every finished run is safe in the measurement store.'

export class Service extends EventEmitter<{ status: [ServiceStatus] }> {
  readonly #start: (listener: ServiceListener) => ServiceProcess
  #process: ServiceProcess | undefined
  #status: ServiceStatus = { state: 'starting' }
  #crashes: number[] = []
  /** What the service said about why it could not start. */
  #reason: string | undefined
  #ending: (() => void) | undefined

  constructor(start: (listener: ServiceListener) => ServiceProcess) {
    super()
    this.#start = start
  }

  get status(): ServiceStatus {
    return this.#status
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  start(): void {
    if (this.#process !== undefined || this.#ending !== undefined) return
    this.#reason = undefined
    this.#set({ state: 'starting' })
    try {
      this.#process = this.#start({
        message: (message) => this.#message(message),
        exit: (how) => this.#exited(how),
      })
    } catch (error) {
      this.#set({
        state: 'stopped',
        message: error instanceof Error ? error.message : String(error),
        restarting: false,
      })
    }
  }

  /** By the user's wish, after it was given up. */
  restart(): void {
    this.#crashes = []
    this.start()
  }

  /** Resolves when the service runs; rejects with what the user should know when it will not. */
  running(): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (status: ServiceStatus): void => {
        if (status.state === 'starting' || (status.state === 'stopped' && status.restarting)) return
        this.off('status', look)
        if (status.state === 'running') resolve()
        else reject(new Error(status.message))
      }
      this.on('status', look)
      look(this.#status)
    })
  }

  connect(port: MessagePortMain): void {
    this.#process?.connect(port)
  }

  /** Closes the lab, and resolves when its process is gone. */
  end(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#process === undefined) {
        resolve()
        return
      }
      const impatience = setTimeout(() => this.#process?.kill(), END_DEADLINE_MS)
      this.#ending = () => {
        clearTimeout(impatience)
        resolve()
      }
      this.#process.send({ type: 'end' })
    })
  }

  #message(message: FromHost): void {
    if (message.type === 'ready') this.#set({ state: 'running' })
    else if (message.type === 'failed') this.#reason = message.error.message
    else if (message.type === 'note') console.error(message.line)
  }

  #exited(how: string): void {
    this.#process = undefined
    if (this.#ending !== undefined) {
      this.#ending()
      return
    }
    if (this.#reason !== undefined) {
      const message = `The lab service could not start: ${this.#reason} Finished runs are safe.`
      this.#set({ state: 'stopped', message, restarting: false })
      return
    }
    const now = performance.now()
    this.#crashes = [...this.#crashes.filter((at) => now - at < CRASH_WINDOW_MS), now]
    const restarting = this.#crashes.length < MAX_CRASHES
    const next = restarting
      ? 'It is being started again; create your guests anew.'
      : `It stopped ${this.#crashes.length} times within a minute, so it stays off. Choose Lab › Start Lab Service Again, or quit and start Ferry again.`
    this.#set({
      state: 'stopped',
      message: `The lab service stopped unexpectedly (${how}). ${SAFE} ${next}`,
      restarting,
    })
    if (restarting) this.start()
  }

  #set(status: ServiceStatus): void {
    this.#status = status
    this.emit('status', status)
  }
}
