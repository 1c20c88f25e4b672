import { expect, test } from 'vitest'
import { sleep } from '../../engine/util/clock.ts'
import { BLOCK } from '../../engine/vmstate/blocks.ts'
import { contents, labos, machine, MIB, moveLive } from './helpers.ts'
import { arpReply, arpRequest, echoReply, echoRequest } from './frames.ts'

const small = { ramBytes: 8 * MIB, vgaBytes: MIB / 4 }

test('serial output comes whole and in order', async () => {
  const { console } = await labos('own=1M', small)
  const help = await console.ask('help', /(HELP .*\n)+HELP uptime.*\n(HELP .*\n)*/)
  expect(help.split('\n').length).toBeGreaterThan(15)
  const text = 'The quick brown fox 0123456789 '.repeat(3)
  for (let i = 0; i < 20; i++) await console.ask(`echo ${i} ${text}`, new RegExp(`ECHO ${i} ${text.trim()}`))
})

test('output that was written before a call is answered arrives before the answer', async () => {
  const { machine: guest, console } = await labos('own=1M hb=1', small)
  for (let i = 0; i < 20; i++) {
    await sleep(3)
    await guest.pause()
    const beats = console.heartbeats().length
    await sleep(3)
    expect(console.heartbeats().length).toBe(beats)
    await guest.resume()
  }
})

test('the UART takes what it has room for; the rest is for later and nothing is lost', async () => {
  const { machine: guest, console } = await labos('own=1M', small)
  await guest.pause()
  const lines = Buffer.from(
    Array.from({ length: 40 }, (_, i) => `echo line ${i}\n`)
      .join('')
      .repeat(3),
  )
  const taken = await guest.serialWrite(lines)
  expect(taken).toBeGreaterThan(100)
  expect(taken).toBeLessThan(lines.length)
  expect(await guest.serialWrite(lines.subarray(taken))).toBe(0)
  await guest.resume()
  await console.waitFor(/ECHO line 39\n/)
  for (let rest = lines.subarray(taken); rest.length > 0; await sleep(3)) {
    rest = rest.subarray(await guest.serialWrite(rest.subarray(0, 12)))
  }
  await console.waitFor(/(ECHO line 39\n[^]*){3}/)
  const echoed = [...console.text.matchAll(/ECHO line (\d+)/g)].map(([, i]) => Number(i))
  expect(echoed).toEqual(Array.from({ length: 120 }, (_, i) => i % 40))
})

test('input that was taken before a stop reaches the guest at the target, exactly once', async () => {
  const { machine: source, console } = await labos('own=1M', small)
  const target = await machine(small)
  console.listenTo(target)
  await source.pause()
  const line = Buffer.from('echo only-once\n')
  expect(await source.serialWrite(line)).toBe(line.length)
  const { batches, state } = await source.stop({ inlinePages: 100_000 })
  expect(state.serial.rxLength).toBe(line.length)
  expect(await source.serialWrite(Buffer.from('echo too-late\n'))).toBe(0)
  await target.load(batches, state, 'continue')
  await target.resume()
  console.follow(target)
  await console.waitFor(/ECHO only-once\n/)
  await console.ask('echo end', /ECHO end\n/)
  expect(console.text.match(/ECHO only-once/g)).toHaveLength(1)
  expect(console.text).not.toContain('too-late')
})

test('a stopped source, resumed because the move failed, goes on and takes input again', async () => {
  const { machine: guest, console } = await labos('own=1M hb=5', small)
  await guest.dirtyLogStart()
  for (let i = 0; i < 5; i++) {
    await guest.stop({ inlinePages: 4096 })
    await guest.resume()
    await console.ask(`echo again ${i}`, new RegExp(`ECHO again ${i}\n`))
  }
  expect(await console.ask('check', /CHECK .*\n/)).toMatch(/^CHECK ok/)
  const beats = console.heartbeats()
  expect(beats).toEqual(beats.map((_, i) => beats[0] + i))
})

test('frames and keys that come after a stop change nothing', async () => {
  const { machine: guest } = await labos('own=1M ip=10.0.0.2', small)
  await guest.pause()
  const state = await guest.capture()
  await guest.restore({ ...state, keyboard: { ...state.keyboard, keyboardEnabled: true } }, 'freeze')
  const keys = async () => (await guest.capture()).keyboard.keyboardQueueLength
  guest.keyWrite(Uint8Array.of(0x1e))
  expect(await keys()).toBe(1)

  await guest.stop({ inlinePages: 0 })
  const memory = await contents(guest, BLOCK.nicMemory)
  const { nic } = await guest.capture()
  guest.frameReceive(arpRequest())
  guest.keyWrite(Uint8Array.of(0x9e))
  expect(await contents(guest, BLOCK.nicMemory)).toBe(memory)
  expect((await guest.capture()).nic).toEqual(nic)
  expect(await keys()).toBe(1)
})

test('LabOS answers ARP and ping, also after a move', async () => {
  const MAC = [2, 0, 0, 0, 0, 0x33]
  const { machine: first } = await labos('own=1M ip=10.0.0.2', { ...small, mac: '02:00:00:00:00:33' })
  const second = await machine(small)
  for (const [i, guest] of [first, second].entries()) {
    if (i === 1) await moveLive(first, second, { rounds: 2 })
    const answers: unknown[] = []
    const off = guest.on('frame', (frame) => answers.push(arpReply(frame) ?? echoReply(frame)))
    const expectAnswer = async (answer: unknown) => {
      await expect.poll(() => answers, { timeout: 60_000, interval: 2 }).toContainEqual(answer)
    }
    guest.frameReceive(arpRequest())
    await expectAnswer({ mac: MAC, ip: [10, 0, 0, 2] })
    guest.frameReceive(echoRequest(MAC, 77, 1000))
    await expectAnswer(77)
    // An unsubscribed listener hears nothing more.
    off()
    const heard = answers.length
    guest.frameReceive(arpRequest())
    await sleep(30)
    expect(answers.length).toBe(heard)
  }
})

test('keys do no harm', async () => {
  const { machine: guest, console } = await labos('own=1M', small)
  guest.keyWrite(Uint8Array.from({ length: 256 }, (_, code) => code))
  guest.keyWrite(new Uint8Array(0))
  await console.ask('echo alive', /ECHO alive/)
})

test('the text screen shows what the guest shows, also after a move', async () => {
  const { machine: source } = await labos('own=1M', small)
  const target = await machine(small)
  await sleep(50)
  const shown = await source.screen()
  expect(shown).toMatchObject({ kind: 'text', columns: 80, rows: 25 })
  if (shown.kind !== 'text') return
  expect(shown.lines).toHaveLength(25)
  expect(shown.lines.join('\n')).toContain('LabOS')
  const { batches, state } = await source.stop({ inlinePages: 100_000 })
  const last = await source.screen()
  await target.load(batches, state, 'continue')
  expect(await target.screen()).toEqual(last)
})

test('graphics are pixels, also after a move', async () => {
  const { machine: source, console } = await labos('own=1M', small)
  await console.ask('gfx on', /OK gfx=on/)
  await sleep(150)
  const target = await machine(small)
  const { batches, state } = await source.stop({ inlinePages: 100_000 })
  const shown = await source.screen()
  expect(shown).toMatchObject({ kind: 'graphics', width: 320, height: 200 })
  if (shown.kind !== 'graphics') return
  expect(shown.rgba.length).toBe(320 * 200 * 4)
  const colours = new Set(new Uint32Array(shown.rgba.buffer))
  expect(colours.size).toBeGreaterThan(8)
  expect(shown.rgba.every((byte, i) => i % 4 !== 3 || byte === 255)).toBe(true)
  await target.load(batches, state, 'continue')
  expect(await target.screen()).toEqual(shown)
  // The picture goes on moving there, and the text screen comes back.
  await target.resume()
  console.listenTo(target)
  console.follow(target)
  await expect.poll(() => target.screen(), { timeout: 60_000 }).not.toEqual(shown)
  await console.ask('gfx off', /OK gfx=off/)
  expect(await target.screen()).toMatchObject({ kind: 'text' })
})
