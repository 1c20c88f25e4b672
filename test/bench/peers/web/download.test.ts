import { describe, expect, it } from 'vitest'
import { Download, FIRST_RETRY_MS, GIVE_UP_MS } from './download.ts'
import { ACK, decodeTcp, encodeTcp, FIN, PSH, RST, type Segment, SYN } from './tcp.ts'

const ADDRESSES = { source: '10.0.0.3', destination: '10.0.0.11' }
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString()
const OK = 'HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\n'

/** A download, what it sent, and a server that answers by hand. */
function begun(sequence = 1000) {
  const sent: Segment[] = []
  const send = (segment: Segment) => sent.push(segment)
  const download = new Download({ path: '/x', port: 10_000, sequence, send, atMs: 0 })
  const last = () => sent.at(-1) ?? expect.fail('nothing was sent')
  const answer = (flags: number, sequence: number, content = '', acknowledgement = last().sequence + 1) =>
    download.receive(
      {
        ...{ sourcePort: 80, destinationPort: 10_000, window: 1000, flags, sequence },
        ...{ acknowledgement: acknowledgement >>> 0, payload: Buffer.from(content) },
      },
      1,
    )
  return { download, sent, last, answer }
}

/** The same, with the connection open; the server's first byte has number 51. */
function opened(sequence?: number) {
  const all = begun(sequence)
  all.answer(SYN | ACK, 50)
  return all
}

describe('TCP segments', () => {
  const segment: Segment = {
    ...{ sourcePort: 10_000, destinationPort: 80, sequence: 0xffff_ffff, acknowledgement: 7, window: 65_535 },
    ...{ flags: ACK | PSH, payload: Buffer.from('odd') },
  }

  it('are read as they were written, with and without options', () => {
    for (const flags of [ACK | PSH, SYN]) {
      const bytes = encodeTcp({ ...segment, flags }, ADDRESSES)
      const read = decodeTcp(bytes, ADDRESSES)
      expect({ ...read, payload: text(read?.payload ?? new Uint8Array()) }).toEqual({
        ...segment,
        flags,
        payload: 'odd',
      })
    }
  })

  it('are refused with a wrong checksum, another address, or a header longer than they are', () => {
    const bytes = encodeTcp(segment, ADDRESSES)
    expect(decodeTcp(bytes, { ...ADDRESSES, source: '10.0.0.4' })).toBeNull()
    for (let i = 0; i < bytes.length; i++) {
      const damaged = bytes.slice()
      damaged[i] ^= 4
      expect(decodeTcp(damaged, ADDRESSES)).toBeNull()
    }
    expect(decodeTcp(bytes.subarray(0, 10), ADDRESSES)).toBeNull()
  })
})

describe('a download', () => {
  it('opens, asks, acknowledges each segment, and ends with the server', () => {
    const { download, sent, last, answer } = opened()
    expect(sent.map(({ flags }) => flags)).toEqual([SYN, ACK | PSH])
    expect(last()).toMatchObject({ sequence: 1001, acknowledgement: 51 })
    expect(text(last().payload)).toBe('GET /x HTTP/1.0\r\n\r\n')
    const after = 1001 + last().payload.length
    expect(answer(ACK, 51, OK, after)).toBe(true)
    expect(last()).toMatchObject({ flags: ACK, sequence: after, acknowledgement: 51 + OK.length })
    expect(answer(ACK | FIN, 51 + OK.length, 'abcdef', after)).toBe(true)
    expect(last()).toMatchObject({ flags: FIN | ACK, acknowledgement: 51 + OK.length + 7 })
    expect(download.state).toBe('done')
    expect(text(download.body ?? new Uint8Array())).toBe('abcdef')
  })

  it('takes each byte once and in order, however often and early it comes', () => {
    const { download, last, answer } = opened()
    const whole = `${OK}abcdef`
    expect(answer(ACK, 61, whole.slice(10))).toBe(false)
    expect(last().acknowledgement).toBe(51)
    expect(answer(ACK, 51, whole.slice(0, 10))).toBe(true)
    expect(answer(ACK, 51, whole.slice(0, 10))).toBe(false)
    expect(last().acknowledgement).toBe(61)
    expect(answer(ACK, 61, whole.slice(10))).toBe(true)
    answer(ACK | FIN, 51 + whole.length)
    expect(text(download.body ?? new Uint8Array())).toBe('abcdef')
  })

  it('counts on past the end of the sequence numbers', () => {
    const { last } = opened(0xffff_ffff)
    expect(last().sequence).toBe(0)
  })

  it('sends SYN and request again, each time after twice as long, until they are acknowledged', () => {
    const { download, sent, answer } = begun()
    const again = (atMs: number) => {
      const before = sent.length
      download.tick(atMs)
      return sent.slice(before).map(({ flags }) => flags)
    }
    expect(again(FIRST_RETRY_MS - 1)).toEqual([])
    expect(again(FIRST_RETRY_MS)).toEqual([SYN])
    expect(again(3 * FIRST_RETRY_MS - 1)).toEqual([])
    expect(again(3 * FIRST_RETRY_MS)).toEqual([SYN])
    answer(SYN | ACK, 50)
    expect(again(FIRST_RETRY_MS + 1)).toEqual([ACK | PSH])
    answer(ACK, 51, '', 1001 + 'GET /x HTTP/1.0\r\n\r\n'.length)
    expect(again(GIVE_UP_MS)).toEqual([])
  })

  it('fails where the server refuses, falls silent, or answers something else', () => {
    const refused = opened()
    refused.answer(RST, 51)
    expect(refused.download.state).toBe('failed')
    const silent = opened()
    silent.download.tick(GIVE_UP_MS + 2)
    expect(silent.download.state).toBe('failed')
    for (const content of ['HTTP/1.0 404 Not Found\r\n\r\n', `${OK}abc`, 'abcdef']) {
      const other = opened()
      other.answer(ACK | FIN, 51, content)
      expect(other.download.state).toBe('done')
      expect(other.download.body).toBeNull()
    }
  })
})
