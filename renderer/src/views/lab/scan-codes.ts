/**
 * Keys as a PS/2 keyboard sends them: scan code set 1, from `KeyboardEvent.code` (the place of a key, whatever is printed
 * on it). Codes: Microsoft, "Keyboard Scan Code Specification", revision 1.3a, appendix A; names: W3C, "UI Events
 * KeyboardEvent code Values".
 */

const EXTENDED = 0xe0
/** Set in the code of a key that is let go. */
const BREAK = 0x80

/** Rows of keys whose codes follow each other: the first code, then the keys. */
const ROWS: readonly (readonly [first: number, keys: string])[] = [
  [0x01, 'Escape Digit1 Digit2 Digit3 Digit4 Digit5 Digit6 Digit7 Digit8 Digit9 Digit0 Minus Equal Backspace'],
  [0x0f, 'Tab KeyQ KeyW KeyE KeyR KeyT KeyY KeyU KeyI KeyO KeyP BracketLeft BracketRight Enter ControlLeft'],
  [0x1e, 'KeyA KeyS KeyD KeyF KeyG KeyH KeyJ KeyK KeyL Semicolon Quote Backquote ShiftLeft Backslash'],
  [0x2c, 'KeyZ KeyX KeyC KeyV KeyB KeyN KeyM Comma Period Slash ShiftRight NumpadMultiply AltLeft Space CapsLock'],
  [0x3b, 'F1 F2 F3 F4 F5 F6 F7 F8 F9 F10 NumLock ScrollLock'],
  [0x47, 'Numpad7 Numpad8 Numpad9 NumpadSubtract Numpad4 Numpad5 Numpad6 NumpadAdd Numpad1 Numpad2 Numpad3 Numpad0'],
  [0x53, 'NumpadDecimal'],
  [0x56, 'IntlBackslash F11 F12'],
  [0x59, 'NumpadEqual'],
  // Japanese and Brazilian keyboards.
  [0x70, 'KanaMode'],
  [0x73, 'IntlRo'],
  [0x79, 'Convert'],
  [0x7b, 'NonConvert'],
  [0x7d, 'IntlYen NumpadComma'],
]

/** Keys that came with the 101-key keyboard: their code follows E0. */
const EXTENDED_ROWS: typeof ROWS = [
  [0x1c, 'NumpadEnter ControlRight'],
  [0x35, 'NumpadDivide'],
  [0x38, 'AltRight'],
  [0x47, 'Home ArrowUp PageUp'],
  [0x4b, 'ArrowLeft'],
  [0x4d, 'ArrowRight'],
  [0x4f, 'End ArrowDown PageDown Insert Delete'],
  [0x5b, 'MetaLeft MetaRight ContextMenu'],
]

/** These two come with keys of their own around them; of Pause, nothing tells when it is let go. */
const PRINT_SCREEN = {
  make: [EXTENDED, 0x2a, EXTENDED, 0x37],
  break: [EXTENDED, 0x37 | BREAK, EXTENDED, 0x2a | BREAK],
}
const PAUSE = { make: [0xe1, 0x1d, 0x45, 0xe1, 0x1d | BREAK, 0x45 | BREAK], break: [] }

interface Codes {
  readonly make: readonly number[]
  readonly break: readonly number[]
}

function rows(list: typeof ROWS, prefix: readonly number[]): (readonly [string, Codes])[] {
  return list.flatMap(([first, keys]) =>
    keys.split(' ').map((key, i): readonly [string, Codes] => {
      const code = first + i
      return [key, { make: [...prefix, code], break: [...prefix, code | BREAK] }]
    }),
  )
}

/** Every key that is known, by `KeyboardEvent.code`. */
export const SCAN_CODES: ReadonlyMap<string, Codes> = new Map([
  ...rows(ROWS, []),
  ...rows(EXTENDED_ROWS, [EXTENDED]),
  ['PrintScreen', PRINT_SCREEN],
  ['Pause', PAUSE],
])

/**
 * Which keys are down for the guest. Whatever the window hears or misses, a key that was pressed is let go exactly once:
 * at its release, or with all others when the keyboard goes elsewhere.
 */
export class GuestKeyboard {
  readonly #down = new Set<string>()

  /** Codes of a press, or of a key that repeats while it is held, as a real keyboard repeats it. Empty: no such key. */
  press(code: string): readonly number[] {
    const codes = SCAN_CODES.get(code)
    if (codes === undefined) return []
    // A key that sends no release cannot be held.
    if (codes.break.length > 0) this.#down.add(code)
    return codes.make
  }

  /** Codes of a release. Empty where the guest does not hold the key to be down. */
  release(code: string): readonly number[] {
    if (!this.#down.delete(code)) return []
    // On a Mac, nothing tells of the release of other keys while Command is held.
    const others = code.startsWith('Meta') ? this.releaseAll() : []
    return [...others, ...(SCAN_CODES.get(code)?.break ?? [])]
  }

  releaseAll(): readonly number[] {
    const codes = [...this.#down].reverse().flatMap((code) => SCAN_CODES.get(code)?.break ?? [])
    this.#down.clear()
    return codes
  }
}
