/** The guest's keyboard: what a PS/2 controller would make of the codes that the window sends. */
import { existsSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GuestKeyboard, SCAN_CODES } from '../../renderer/src/views/lab/scan-codes.ts'

const PAUSE = 'e1 1d 45'
const hex = (bytes: readonly number[]) => bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(' ')

/** Decodes as Linux's atkbd does: E0 extends the next code, E1 the next two, bit 7 says that a key is let go. */
class Decoder {
  readonly down = new Set<string>()
  #prefix: number[] = []

  take(bytes: readonly number[]): void {
    for (const byte of bytes) {
      this.#prefix.push(byte)
      const [first] = this.#prefix
      const length = first === 0xe1 ? 3 : first === 0xe0 ? 2 : 1
      if (this.#prefix.length < length) continue
      const code = hex(
        this.#prefix.map((value, i) =>
          first === 0xe0 && i === 0 ? value : value & (i > 0 || length === 1 ? 0x7f : 0xff),
        ),
      )
      const pressed = (byte & 0x80) === 0
      this.#prefix = []
      // The shift that comes with Print Screen is no key.
      if (code === 'e0 2a') continue
      if (pressed && code !== PAUSE) this.down.add(code)
      else this.down.delete(code)
    }
    expect(this.#prefix).toEqual([])
  }
}

const codeOf = (key: string): string =>
  hex((SCAN_CODES.get(key)?.make ?? []).filter((_, i, all) => all.length < 4 || i > 1))
const keys = [...SCAN_CODES.keys()]
const event = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constantFrom('press', 'repeat', 'release'), key: fc.constantFrom(...keys) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('elsewhere'), key: fc.constant('') }) },
)

describe('scan codes, set 1', () => {
  test('tell every key from every other, and a press from a release', () => {
    const sequences = [...SCAN_CODES.values()]
      .flatMap((codes) => [codes.make, codes.break])
      .filter((codes) => codes.length > 0)
    const texts = sequences.map((codes) => hex(codes))
    expect(new Set(texts).size).toBe(texts.length)
    for (const codes of sequences) for (const byte of codes) expect(byte).toBe(byte & 0xff)
  })

  test('are those that keyboards have sent since the PC AT', () => {
    const known = {
      Escape: ['01', '81'],
      KeyA: ['1e', '9e'],
      Enter: ['1c', '9c'],
      NumpadEnter: ['e0 1c', 'e0 9c'],
      ControlRight: ['e0 1d', 'e0 9d'],
      ArrowUp: ['e0 48', 'e0 c8'],
      Delete: ['e0 53', 'e0 d3'],
      F12: ['58', 'd8'],
      PrintScreen: ['e0 2a e0 37', 'e0 b7 e0 aa'],
      Pause: ['e1 1d 45 e1 9d c5', ''],
    }
    for (const [key, codes] of Object.entries(known)) {
      const { make = [], break: release = [] } = SCAN_CODES.get(key) ?? {}
      expect([key, hex(make), hex(release)]).toEqual([key, ...codes])
    }
  })

  const HEADER = '/usr/include/linux/input-event-codes.h'
  test.skipIf(!existsSync(HEADER))('are what Linux took over as its own key codes', () => {
    const header = readFileSync(HEADER, 'utf8')
    let seen = 0
    for (const [key, { make }] of SCAN_CODES) {
      const name = /^(?:Key([A-Z])|Digit(\d)|(F(?:\d|1[0-2])))$/
        .exec(key)
        ?.slice(1)
        .find((part) => part !== undefined)
      if (name === undefined) continue
      expect([key, make[0]]).toEqual([key, Number(new RegExp(`#define\\s+KEY_${name}\\s+(\\d+)`).exec(header)?.[1])])
      seen++
    }
    expect(seen).toBe(26 + 10 + 12)
  })
})

describe('the guest’s keyboard', () => {
  test('holds down for the guest what the user holds, and nothing once the user is elsewhere', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const keyboard = new GuestKeyboard()
        const guest = new Decoder()
        const held = new Set<string>()
        for (const { kind, key } of events) {
          if (kind === 'elsewhere') {
            guest.take(keyboard.releaseAll())
            held.clear()
          } else if (kind === 'release') {
            guest.take(keyboard.release(key))
            if (key.startsWith('Meta') && held.has(key)) held.clear()
            held.delete(key)
          } else {
            guest.take(keyboard.press(key))
            if (key !== 'Pause') held.add(key)
          }
          expect([...guest.down].sort()).toEqual([...held].map(codeOf).sort())
        }
        guest.take(keyboard.releaseAll())
        expect([...guest.down]).toEqual([])
      }),
    )
  })

  test('repeats a held key as a keyboard does, and lets it go once', () => {
    const keyboard = new GuestKeyboard()
    expect([1, 2, 3].map(() => hex(keyboard.press('ArrowDown')))).toEqual(['e0 50', 'e0 50', 'e0 50'])
    expect(hex(keyboard.release('ArrowDown'))).toBe('e0 d0')
    expect(keyboard.release('ArrowDown')).toEqual([])
    expect(keyboard.releaseAll()).toEqual([])
  })

  test('lets go what a Mac does not tell of while Command is held', () => {
    const keyboard = new GuestKeyboard()
    keyboard.press('MetaLeft')
    keyboard.press('KeyC')
    expect(hex(keyboard.release('MetaLeft'))).toBe('ae e0 db')
  })

  test('sends nothing for keys that no PC keyboard has', () => {
    const keyboard = new GuestKeyboard()
    expect([keyboard.press('BrightnessUp'), keyboard.press(''), keyboard.releaseAll()]).toEqual([[], [], []])
  })
})
