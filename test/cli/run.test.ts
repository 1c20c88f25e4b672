import { connect } from 'node:net'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { Chords } from '../../engine/cli/chords.ts'
import { type Running, Sandbox } from './command.ts'

const sandbox = new Sandbox()
let running: Running | null = null
afterEach(() => running?.child.kill('SIGKILL'))
afterAll(() => sandbox.remove())

const CHORD = '\x1d'
const LABOS = ['run', '--guest', 'labos', '--ram', '16', '--probe', '0']

async function start(...args: string[]): Promise<Running> {
  running = sandbox.start([...LABOS, ...args])
  await running.until('stderr', /runs on xen/)
  return running
}

describe('ferry run', () => {
  it('loses and doubles no character that is typed while the guest moves', async () => {
    const guest = await start('--link', '60M')
    const lines = Array.from({ length: 60 }, (_, i) => `echo ${i}-${'abcdefghij'.repeat(3)}-${i}`)
    guest.write(`${CHORD}m`)
    for (const [i, line] of lines.entries()) {
      guest.write(`${line}\n`)
      await new Promise((resolve) => setTimeout(resolve, 40))
      // And back again, as soon as it has arrived.
      if (i === 40) guest.write(`${CHORD}w${CHORD}m`)
    }
    guest.write(`${CHORD}w`)
    await guest.until('stderr', /is on kvm now[\s\S]*is on xen now: |is on kvm now[\s\S]*is on xen now/, 40_000)
    await guest.until('stdout', /ECHO 59-/)
    guest.write(`${CHORD}q`)
    const { code, stdout } = await guest.ended
    expect(code).toBe(0)
    const answers = stdout.split(/\r?\n/).filter((line) => line.startsWith('ECHO '))
    expect(answers).toEqual(lines.map((line) => line.replace('echo', 'ECHO')))
    expect(stdout).not.toContain('ERR ')
  })

  it('takes a script from a pipe to its end, and waits for what it started', async () => {
    const guest = sandbox.start(LABOS)
    guest.child.stdin.end(`echo before\n${CHORD}m${CHORD}wecho after\n${CHORD}i`)
    const { code, stdout, stderr } = await guest.ended
    expect(code, stderr).toBe(0)
    expect(stdout).toMatch(/ECHO before[\s\S]*ECHO after/)
    expect(stderr).toMatch(/is on kvm now \(pre-copy\): downtime [\d.]+ ms[\s\S]*running on kvm/)
  })

  it('cancels a migration and keeps the guest where it was', async () => {
    const guest = await start('--link', '1M')
    guest.write(`${CHORD}m`)
    await guest.until('stderr', /Moving/)
    guest.write(`${CHORD}c`)
    await guest.until('stderr', /Cancelled.*still at xen/)
    guest.write('echo here\n')
    await guest.until('stdout', /ECHO here/)
    guest.child.kill('SIGINT')
    expect((await guest.ended).code).toBe(130)
    expect(readdirSync(sandbox.path('ferry'))).toEqual([])
  })

  it('is seen and commanded from another terminal while it runs, by the user alone, and not afterwards', async () => {
    const guest = await start()
    const folder = sandbox.path('ferry')
    const socket = join(folder, readdirSync(folder)[0])
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    expect(statSync(socket).mode & 0o777).toBe(0o600)

    const hosts = JSON.parse((await sandbox.ferry('hosts', '--json')).stdout) as { name: string; lab: number }[]
    expect(hosts.map(({ name }) => name)).toEqual(['xen', 'kvm'])
    expect(hosts[0].lab).toBe(guest.child.pid)
    const [view] = JSON.parse((await sandbox.ferry('guests', '--json')).stdout) as { id: string; name: string }[]
    expect((await sandbox.ferry('guests', 'pause', view.name)).stdout).toContain('is paused on xen')
    expect((await sandbox.ferry('guests', 'resume', view.id)).stdout).toContain('is running')
    const check = await sandbox.ferry('guests', 'check', view.id)
    expect(check).toMatchObject({ code: 0, stdout: expect.stringContaining('CHECK ok') as string })
    expect((await sandbox.ferry('guests', 'check', 'nobody')).code).toBe(1)

    for (const nonsense of ['nonsense\n', '{"id":-1,"method":"guests.list"}\n', 'x'.repeat((1 << 20) + 2)]) {
      expect(await answerTo(socket, nonsense)).toMatchObject({ id: null, error: { code: 'control.request' } })
    }
    const errorTo = async (request: object) => answerTo(socket, `${JSON.stringify(request)}\n`)
    expect(await errorTo({ id: 7, method: 'guests.pause', input: {} })).toMatchObject({
      id: 7,
      error: { code: 'lab.input' },
    })
    expect(await errorTo({ id: 8, method: 'constructor' })).toMatchObject({ id: 8, error: { code: 'lab.method' } })

    expect((await sandbox.ferry('guests', 'destroy', view.id)).code).toBe(0)
    expect((await guest.ended).code).toBe(0)
    expect(existsSync(socket)).toBe(false)
    expect((await sandbox.ferry('hosts')).stdout).toContain('No lab is running')
    expect((await sandbox.ferry('guests')).stdout).toContain('No lab is running')
  })
})

function answerTo(address: string, request: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = connect(address, () => socket.write(request))
    let text = ''
    socket.on('error', reject)
    socket.on('data', (chunk) => {
      text += chunk.toString()
      if (!text.includes('\n')) return
      socket.destroy()
      resolve(JSON.parse(text))
    })
  })
}

describe('key chords', () => {
  const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1')
  const typed = (...chunks: string[]): string => {
    const chords = new Chords()
    const all = chunks.flatMap((chunk) => chords.read(bytes(chunk)))
    return all.map((t) => (t.kind === 'input' ? Buffer.from(t.bytes).toString('latin1') : `<${t.key}>`)).join('')
  }

  it('are taken out of the input, whatever chunks it comes in', () => {
    const text = `ab${CHORD}mcd${CHORD}${CHORD}e${CHORD}q`
    for (let cut = 0; cut <= text.length; cut++) {
      expect(typed(text.slice(0, cut), text.slice(cut))).toBe(`ab<m>cd${CHORD}e<q>`)
    }
  })
})
