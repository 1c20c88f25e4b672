/** A value over time: what it was set to, and when. Looking one up costs the logarithm of how often it changed. */

/**
 * How many of the sorted times are at or before `t`.
 * @param times ascending
 */
export function countUntil(times: ArrayLike<number>, t: number): number {
  let low = 0
  let high = times.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((times[middle] ?? Infinity) <= t) low = middle + 1
    else high = middle
  }
  return low
}

export interface Stamped<T> {
  /** Milliseconds since the recording began. */
  readonly t: number
  readonly value: T
}

export class Track<T> {
  readonly #times: number[] = []
  readonly #values: T[] = []

  /** @param t not before that of the last one */
  push(t: number, value: T): void {
    this.#times.push(t)
    this.#values.push(value)
  }

  get length(): number {
    return this.#times.length
  }

  get latest(): T | undefined {
    return this.#values.at(-1)
  }

  get first(): Stamped<T> | undefined {
    return this.#stamped(0)
  }

  /** The value at `t`; undefined before the first one. */
  at(t: number): T | undefined {
    return this.#values[countUntil(this.#times, t) - 1]
  }

  /** The last one until `t` that is `wanted`, and since when it holds. */
  last(t: number, wanted: (value: T) => boolean = () => true): Stamped<T> | undefined {
    for (let i = countUntil(this.#times, t) - 1; i >= 0; i--) {
      const found = this.#stamped(i)
      if (found !== undefined && wanted(found.value)) return found
    }
    return undefined
  }

  /** All values until `t`, in their order. */
  until(t: number): readonly T[] {
    return this.#values.slice(0, countUntil(this.#times, t))
  }

  #stamped(i: number): Stamped<T> | undefined {
    const t = this.#times[i]
    return t === undefined ? undefined : { t, value: this.#values[i] }
  }
}

/** Tracks by a key, made when they are first asked for. */
export class Tracks<K, T> {
  readonly #tracks = new Map<K, Track<T>>()

  push(key: K, t: number, value: T): void {
    let track = this.#tracks.get(key)
    if (track === undefined) this.#tracks.set(key, (track = new Track<T>()))
    track.push(t, value)
  }

  get(key: K): Track<T> | undefined {
    return this.#tracks.get(key)
  }
}
