/** A recording that was made once stays readable: what it told then, it tells now. */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { readRecording } from '../../engine/recording/read.ts'

const FILE = fileURLToPath(new URL('../fixtures/recordings/labos-crossings.ferryrec', import.meta.url))

test('the golden recording is complete, and all of it is understood', async () => {
  const { about, complete, not_understood, entries } = await readRecording(await readFile(FILE))
  expect({ complete, not_understood, title: about.title }).toEqual({
    complete: true,
    not_understood: 0,
    title: 'LabOS crosses and comes back',
  })
  const runs = entries.flatMap((entry) => ('event' in entry && entry.event === 'runs.added' ? [entry.payload] : []))
  expect(runs.map(({ from, to, algorithm, outcome }) => [from, to, algorithm, outcome])).toEqual([
    ['xen', 'kvm', 'pre-copy', 'completed'],
    ['kvm', 'xen', 'pull-copy', 'completed'],
  ])
  const actions = entries.flatMap((entry) =>
    'action' in entry && entry.action !== 'guests.write' ? [entry.action] : [],
  )
  expect(actions).toEqual(['guests.create', 'migrations.start', 'migrations.start', 'guests.pause', 'guests.resume'])
})

test('its answers come out as they were given: every screen has its lines, every map its pages', async () => {
  const { entries } = await readRecording(await readFile(FILE))
  const answers = entries.filter((entry) => 'answer' in entry)
  const screens = answers.flatMap((entry) => (entry.answer === 'guests.screen' ? [entry.result] : []))
  expect(screens.length).toBeGreaterThan(10)
  for (const screen of screens) expect(screen).toMatchObject({ kind: 'text', rows: 25 })
  const maps = answers.flatMap((entry) => (entry.answer === 'guests.pages' ? [entry.result] : []))
  for (const { pages, states } of maps) {
    const bytes = Buffer.from(states, 'base64')
    expect(bytes.length).toBe(pages)
    expect(Math.max(...bytes)).toBeLessThanOrEqual(6)
  }
})

test('what runs tell since it was made has its default, wherever a run is told', async () => {
  const { entries } = await readRecording(await readFile(FILE))
  const runs = entries.flatMap((entry) => {
    if ('event' in entry) return entry.event === 'runs.added' ? [entry.payload] : []
    if (!('answer' in entry)) return []
    if (entry.answer === 'runs.list') return entry.result
    return entry.answer === 'runs.details' ? [entry.result.report] : []
  })
  expect(runs.length).toBeGreaterThan(4)
  // The recording is older than the critical window.
  for (const run of runs) expect(run.critical_window).toBeNull()
})
