/** Writing and reading lists of native records: what every `pack` and `unpack` shares. */
import { FerryError } from '../util/errors.ts'
import type { RecordType } from '../util/record.ts'
import type { NativeRecord } from './hypervisor.ts'

/** Collects the records of one `pack`, in order. */
export class NativeWriter {
  readonly records: NativeRecord[] = []

  /** Appends one record. */
  put<T>(type: RecordType<T>, value: T, instance = 0): void {
    this.records.push({ name: type.name, instance, bytes: type.encode(value) })
  }
}

/**
 * Hands out the records of one `unpack` and sees to it that each is there once, has its exact size and is known.
 * Errors: `native.missing`, `native.duplicate`, `native.truncated`, `native.oversized`, `native.unknown`.
 */
export class NativeReader {
  private readonly records = new Map<string, Map<number, NativeRecord>>()
  private left: number

  constructor(records: readonly NativeRecord[]) {
    this.left = records.length
    for (const record of records) {
      let instances = this.records.get(record.name)
      if (instances === undefined) this.records.set(record.name, (instances = new Map<number, NativeRecord>()))
      if (instances.has(record.instance)) {
        throw new FerryError('native.duplicate', `The record ${label(record)} is there twice.`, facts(record))
      }
      instances.set(record.instance, record)
    }
  }

  /** The value of a record that has to be there. */
  one<T>(type: RecordType<T>, instance = 0): T {
    const value = this.maybe(type, instance)
    if (value === undefined) {
      const data = { record: type.name, instance }
      throw new FerryError('native.missing', `The record ${type.name}/${instance} is missing.`, data)
    }
    return value
  }

  /** The value of a record, or undefined where there is none. */
  maybe<T>(type: RecordType<T>, instance = 0): T | undefined {
    const record = this.raw(type.name, instance)
    if (record === undefined) return undefined
    const data = { ...facts(record), bytes: record.bytes.length, expected: type.bytes }
    if (record.bytes.length < type.bytes) {
      const message = `The record ${label(record)} has ${record.bytes.length} of ${type.bytes} bytes.`
      throw new FerryError('native.truncated', message, data)
    }
    if (record.bytes.length > type.bytes) {
      const message = `The record ${label(record)} has ${record.bytes.length} bytes instead of ${type.bytes}.`
      throw new FerryError('native.oversized', message, data)
    }
    return type.decode(record.bytes)
  }

  /** A record of varying size, unread. */
  raw(name: string, instance = 0): NativeRecord | undefined {
    const instances = this.records.get(name)
    const record = instances?.get(instance)
    if (instances === undefined || record === undefined) return undefined
    instances.delete(instance)
    this.left -= 1
    return record
  }

  /** Instances of a record that nobody has read yet, in the order of the list. */
  instances(name: string): number[] {
    return [...(this.records.get(name)?.keys() ?? [])]
  }

  /** To be called last: a record that nobody has read is unknown. */
  finish(): void {
    if (this.left === 0) return
    for (const instances of this.records.values()) {
      for (const record of instances.values()) {
        throw new FerryError('native.unknown', `The record ${label(record)} is unknown here.`, facts(record))
      }
    }
  }
}

function facts(record: NativeRecord): { record: string; instance: number } {
  return { record: record.name, instance: record.instance }
}

function label(record: NativeRecord): string {
  return `${record.name}/${record.instance}`
}

/**
 * A 64-bit field of a guest that runs 32-bit code, as a number.
 * Throws `native.not-32-bit` where the upper half is in use: the common format has no place for it.
 */
export function low32(value: bigint, field: string): number {
  if (value < 0n || value > 0xffffffffn) {
    const message = `${field} is ${value.toString(16)}h: the guest uses more than 32 bits, which cannot be migrated.`
    throw new FerryError('native.not-32-bit', message, { field })
  }
  return Number(value)
}

/** Refuses long-mode registers that are in use: `native.not-32-bit`. */
export function mustBeZero(values: Readonly<Record<string, bigint>>, owner: string): void {
  for (const field in values) {
    if (values[field] !== 0n) {
      const message = `${owner}.${field} is not zero: the guest uses long mode, which cannot be migrated.`
      throw new FerryError('native.not-32-bit', message, { field: `${owner}.${field}` })
    }
  }
}

/** What a hypervisor says when it will not load a value. `code` is completed to `native.<code>`. */
export function refuse(code: string, message: string, data: Record<string, string | number> = {}): never {
  throw new FerryError(`native.${code}`, message, data)
}
