/**
 * A few WebAssembly instructions by name, so that injected code can be read. Each function returns the bytes of a
 * piece of code; pieces nest like expressions. Opcodes: WebAssembly core specification 1.0, section 5.4.
 */
import { encodeSigned, encodeUnsigned } from './leb128.ts'

export type Code = readonly number[]
const seq = (...parts: readonly Code[]): number[] => parts.flat()

export const get = (local: number): Code => [0x20, ...encodeUnsigned(local)]
export const set = (local: number, value: Code): Code => [...value, 0x21, ...encodeUnsigned(local)]
export const getGlobal = (index: number): Code => [0x23, ...encodeUnsigned(index)]
export const setGlobal = (index: number, value: Code): Code => [...value, 0x24, ...encodeUnsigned(index)]
export const constant = (value: number): Code => [0x41, ...encodeSigned(value)]
/** 32-bit load at `address + offset`. */
export const load = (address: Code, offset = 0): Code => [...address, 0x28, 0x02, ...encodeUnsigned(offset)]
/** One byte at `address + offset`, zero-extended. */
export const load8 = (address: Code, offset = 0): Code => [...address, 0x2d, 0x00, ...encodeUnsigned(offset)]
/** The same as one atomic access, which comes before all later ones (WebAssembly threads proposal). */
export const atomicLoad8 = (address: Code): Code => [...address, 0xfe, 0x12, 0x00, 0x00]
export const store8 = (address: Code, value: Code): Code => [...address, ...value, 0x3a, 0x00, 0x00]
/** 32-bit store at `address + offset`. */
export const store = (address: Code, value: Code, offset = 0): Code => [
  ...address,
  ...value,
  0x36,
  0x02,
  ...encodeUnsigned(offset),
]
/** `memory.copy` (bulk memory operations). */
export const copy = (to: Code, from: Code, bytes: number): Code => [
  ...to,
  ...from,
  ...constant(bytes),
  0xfc,
  0x0a,
  0x00,
  0x00,
]
export const add = (a: Code, b: Code): Code => [...a, ...b, 0x6a]
export const sub = (a: Code, b: Code): Code => [...a, ...b, 0x6b]
export const and = (a: Code, b: Code): Code => [...a, ...b, 0x71]
export const xor = (a: Code, b: Code): Code => [...a, ...b, 0x73]
export const shiftRight = (a: Code, bits: number): Code => [...a, ...constant(bits), 0x76]
export const shiftLeft = (a: Code, bits: number): Code => [...a, ...constant(bits), 0x74]
export const not = (a: Code): Code => [...a, 0x45]
export const differs = (a: Code, b: Code): Code => [...a, ...b, 0x47]
export const notNegative = (a: Code): Code => [...a, ...constant(0), 0x4e]
/** Unsigned a ≥ b. */
export const atLeast = (a: Code, b: Code): Code => [...a, ...b, 0x4f]
export const call = (index: number, ...args: readonly Code[]): Code => [...args.flat(), 0x10, ...encodeUnsigned(index)]
/** Calls the function at `slot` of the table; `type` is the index of its type. */
export const callIndirect = (type: number, slot: Code, ...args: readonly Code[]): Code => [
  ...args.flat(),
  ...slot,
  0x11,
  ...encodeUnsigned(type),
  0x00,
]
export const when = (condition: Code, ...then: readonly Code[]): Code => [
  ...condition,
  0x04,
  0x40,
  ...then.flat(),
  0x0b,
]
/** An i32 that depends on a condition. */
export const choose = (condition: Code, yes: Code, no: Code): Code => [
  ...condition,
  0x04,
  0x7f,
  ...yes,
  0x05,
  ...no,
  0x0b,
]
/** A block; `leaveIf(…)` directly inside it jumps to its end. */
export const block = (...body: readonly Code[]): Code => [0x02, 0x40, ...body.flat(), 0x0b]
export const leaveIf = (condition: Code): Code => [...condition, 0x0d, 0x00]
/** Directly inside a block: where the condition holds, does something and jumps to the block's end. */
export const leaveAfter = (condition: Code, ...then: readonly Code[]): Code => [
  ...condition,
  0x04,
  0x40,
  ...then.flat(),
  0x0c,
  0x01,
  0x0b,
]
export const giveBack = (value: Code): Code => [...value, 0x0f]
/** Leaves a function that has no result. */
export const leave: Code = [0x0f]
/** A function body with `locals` i32 locals after its parameters. */
export const body = (locals: number, ...code: readonly Code[]): Uint8Array =>
  Uint8Array.from([...(locals > 0 ? [1, ...encodeUnsigned(locals), 0x7f] : [0]), ...seq(...code), 0x0b])
