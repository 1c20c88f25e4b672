/** `ferry record`, `--record-lab` and `ferry recording`. */
import { readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Sandbox } from './command.ts'

let sandbox: Sandbox
beforeEach(() => void (sandbox = new Sandbox()))
afterEach(() => sandbox.remove())

test('a migration that records its lab leaves a file that is sound, and says what is in it', async () => {
  const file = sandbox.path('lesson.ferryrec')
  const move = ['migrate', '--guest', 'labos', '--ram', '8', '--workload', 'idle', '--quiet', '--record-lab', file]
  expect(await sandbox.ferry(...move)).toMatchObject({ code: 0 })
  expect(await sandbox.ferry('recording', 'check', file)).toMatchObject({ code: 0 })
  const shown = await sandbox.ferry('recording', 'show', file, '--json')
  expect(JSON.parse(shown.stdout)).toMatchObject({
    title: 'ferry migrate',
    complete: true,
    not_understood: 0,
    size_B: (await stat(file)).size,
    chapters: [
      { title: 'labos-1 on xen' },
      { title: 'A migration begins' },
      { title: expect.stringMatching(/completed/) as string },
    ],
  })
  expect((await sandbox.ferry('recording', 'show', file)).stdout).toMatch(
    /labos-1 on xen[^]*guests\.changed[^]*entries/,
  )

  const again = await sandbox.ferry(...move)
  expect(again).toMatchObject({ code: 2, stdout: '' })
  expect(again.stderr).toMatch(/already; choose another name/)

  await truncate(file, (await stat(file)).size - 5)
  const cut = await sandbox.ferry('recording', 'check', file)
  expect(cut).toMatchObject({ code: 1 })
  expect(cut.stdout).toMatch(/NOT SOUND[^]*cut off[^]*bytes after/)
})

test('a file that is none, and one that is not there, are told', async () => {
  const file = sandbox.path('notes.txt')
  await writeFile(file, 'my own words, and more of them')
  expect((await sandbox.ferry('recording', 'show', file)).stderr).toMatch(/no recording of Ferry/)
  expect(await readFile(file, 'utf8')).toContain('my own words')
  expect(await sandbox.ferry('recording', 'check', sandbox.path('none'))).toMatchObject({ code: 1 })
})

test('without a lab that runs there is nothing to record', async () => {
  const { code, stderr } = await sandbox.ferry('record')
  expect(code).toBe(1)
  expect(stderr).toMatch(/No lab is running/)
})

test('a lab that runs is recorded until Ctrl-C, and goes on', async () => {
  const lab = sandbox.start(['run', '--guest', 'labos', '--ram', '8'])
  await lab.until('stderr', /runs/)
  const file = sandbox.path('run.ferryrec')
  const recording = sandbox.start(['record', '--out', file, '--title', 'By hand'])
  await recording.until('stderr', /Recording into/)
  recording.child.kill('SIGINT')
  const { code, stdout } = await recording.ended
  expect(stdout).toContain(file)
  expect(code).toBe(0)
  expect((await sandbox.ferry('recording', 'show', file)).stdout).toMatch(/By hand/)
  expect((await sandbox.ferry('guests')).stdout).toMatch(/labos-1/)
  lab.child.stdin.end()
  await lab.ended
})
