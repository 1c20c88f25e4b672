/** Compression of the pages of a frame, on the threads of libuv: the I/O thread goes on meanwhile. */
import { constants, deflateRaw, inflateRaw, zstdCompress, zstdDecompress } from 'node:zlib'
import { FerryError } from '../../util/errors.ts'
import type { Compression } from './savings.ts'

/** The fastest level of both: more than this, and few links are slower than the compression. */
const LEVEL = 1
/** Node does not take less, bytes. */
const MIN_CHUNK = 64

type Done = (error: Error | null, result: Buffer<ArrayBuffer>) => void

function promised(start: (done: Done) => void): Promise<Uint8Array<ArrayBuffer>> {
  return new Promise((resolve, reject) => {
    start((error, result) => (error === null ? resolve(result) : reject(error)))
  })
}

/** One chunk of output as large as it can get: else the work goes from thread to thread every 16 KiB. */
const chunkOf = (bytes: number): number => Math.max(MIN_CHUNK, bytes)

/** @param bytes must not change meanwhile */
export function compress(algorithm: Compression, bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const chunkSize = chunkOf(bytes.length)
  if (algorithm === 'deflate') return promised((done) => deflateRaw(bytes, { level: LEVEL, chunkSize }, done))
  const params = { [constants.ZSTD_c_compressionLevel]: LEVEL }
  return promised((done) => zstdCompress(bytes, { params, chunkSize }, done))
}

/**
 * @param most bytes that may come out; what would be more is not written anywhere
 * @throws FerryError `protocol.compressed` for what is not compressed like this, is cut off, or too long
 */
export async function decompress(
  algorithm: Compression,
  bytes: Uint8Array,
  most: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const limits = { maxOutputLength: most, chunkSize: chunkOf(most) }
  try {
    return await promised((done) =>
      algorithm === 'deflate' ? inflateRaw(bytes, limits, done) : zstdDecompress(bytes, limits, done),
    )
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new FerryError('protocol.compressed', `Pages cannot be decompressed (${algorithm}): ${why}.`, {
      algorithm,
      most,
    }, cause) // prettier-ignore
  }
}
