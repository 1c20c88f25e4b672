/**
 * The Internet checksum (RFC 1071): the ones' complement of the ones' complement sum of all 16-bit words, an odd last
 * byte being padded with zero. The sum over data that contains its own correct checksum comes out as 0.
 * @param parts consecutive pieces; each but the last must have an even length
 */
export function internetChecksum(...parts: readonly Uint8Array[]): number {
  let sum = 0
  for (const part of parts) {
    for (let i = 0; i < part.length; i += 2) sum += ((part[i] ?? 0) << 8) | (part[i + 1] ?? 0)
  }
  // At most 64 KiB per packet: the sum stays far below 2^53, and folding twice is enough for 2^32.
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000)
  return ~sum & 0xffff
}
