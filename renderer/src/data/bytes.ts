/** Bytes as the contract carries them, and as a hex dump shows them. */

/** @throws where the text is no base64 */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}

/** The reverse of `fromBase64`. */
export function toBase64(bytes: Uint8Array): string {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary)
}

/** Numbers of 32 bits, little endian. */
export function u32FromBase64(text: string): Uint32Array<ArrayBuffer> {
  const bytes = fromBase64(text)
  const view = new DataView(bytes.buffer)
  const numbers = new Uint32Array(bytes.length >>> 2)
  for (let i = 0; i < numbers.length; i++) numbers[i] = view.getUint32(4 * i, true)
  return numbers
}

/** A stretch of bytes. */
export interface Stretch {
  readonly offset: number
  readonly bytes: number
}

/** A piece of a line of a dump: bytes that look alike. */
export interface DumpPiece {
  readonly marked: boolean
  readonly header: boolean
  readonly hex: string
  readonly text: string
}
export interface DumpLine {
  readonly offset: string
  readonly pieces: readonly DumpPiece[]
  /** Bytes that the line lacks to be a full one. */
  readonly lacks: number
}

const printable = (byte: number): string => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·')
const pair = (byte: number): string => byte.toString(16).padStart(2, '0')

/**
 * Offset, hexadecimal, ASCII.
 * @param perLine bytes of a line
 * @param header how many bytes at the beginning are of another kind
 * @param mark bytes to be seen among the others
 */
export function dump(bytes: Uint8Array, perLine: number, header: number, mark: Stretch | null): readonly DumpLine[] {
  const digits = Math.max(4, bytes.length.toString(16).length)
  const isMarked = (at: number): boolean => mark !== null && at >= mark.offset && at < mark.offset + mark.bytes
  return Array.from({ length: Math.ceil(bytes.length / perLine) }, (_, line) => {
    const from = line * perLine
    const to = Math.min(bytes.length, from + perLine)
    const pieces: { marked: boolean; header: boolean; hex: string[]; text: string }[] = []
    for (let at = from; at < to; at++) {
      const byte = bytes[at] ?? 0
      const last = pieces.at(-1)
      if (last !== undefined && last.marked === isMarked(at) && last.header === at < header) {
        last.hex.push(pair(byte))
        last.text += printable(byte)
      } else pieces.push({ marked: isMarked(at), header: at < header, hex: [pair(byte)], text: printable(byte) })
    }
    return {
      offset: from.toString(16).padStart(digits, '0'),
      pieces: pieces.map((piece) => ({ ...piece, hex: piece.hex.join(' ') })),
      lacks: perLine - (to - from),
    }
  })
}
