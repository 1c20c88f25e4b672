/** UUIDs of domains. */
import { createHash } from 'node:crypto'

/** Random, once (RFC 9562, 5.5): the namespace in which the names of domains are taken. */
const NAMESPACE = Buffer.from('8a5f2c1e3b9d4f6ea7c40d51b6e9f328', 'hex')

/**
 * Of the domain with that name, version 5: names are one in a lab, so it is one there, and, as libvirt's, the same when the
 * domain has been shut off, started again, or moved.
 */
export function domainUuid(name: string): string {
  const bytes = createHash('sha1').update(NAMESPACE).update(name, 'utf8').digest().subarray(0, 16)
  bytes[6] = (bytes[6] & 0x0f) | 0x50
  bytes[8] = (bytes[8] & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
