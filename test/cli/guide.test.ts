import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { afterAll, expect, it } from 'vitest'
import { LabService } from '../../engine/lab/service.ts'
import { Sandbox } from './command.ts'

const sandbox = new Sandbox()
afterAll(() => sandbox.remove())

it('lists the exercises, and shows one as text', async () => {
  const [list, show, none] = await Promise.all([
    sandbox.ferry('guide'),
    sandbox.ferry('guide', 'show', 'protocol'),
    sandbox.ferry('guide', 'show', 'nothing'),
  ])
  expect(list).toMatchObject({ code: 0, stderr: '' })
  expect(list.stdout).toMatch(/meet-the-hosts +Meet the hosts/)
  expect(show.stdout).toMatch(/# Stages and protocol[\s\S]*\[ \] A request was refused[\s\S]*\? /)
  expect(none).toMatchObject({ code: 1, stdout: '' })
})

it("tells by line and reason why an instructor's exercise cannot be used, and uses the others", async () => {
  const good = '---\nid: mine\ntitle: Mine\ngoal: See.\nminutes: 5\n---\n```question\nid: q\ntitle: Q\n```\n'
  writeFileSync(sandbox.path('good.md'), good)
  writeFileSync(sandbox.path('bad.md'), good.replace('minutes: 5', 'minutes: soon'))
  const check = await sandbox.ferry('guide', 'check', 'good.md', 'bad.md')
  expect(check.code).toBe(1)
  expect(check.stdout).toMatch(/good\.md: mine is fine; checks: 0, questions: 1/)
  expect(check.stderr).toMatch(/bad\.md:5: `minutes`: expected a whole number/)
  const running = sandbox.start(['guide', 'list'], { FERRY_GUIDE: sandbox.folder })
  const list = await running.ended
  expect(list.stdout).toMatch(/^mine /m)
  expect(list.stderr).toMatch(/bad\.md:5/)
})

it("writes a student's report, and reads many into a table, the damaged ones told", async () => {
  mkdirSync(sandbox.path('data'))
  const lab = new LabService({ store: sandbox.path('data/runs.sqlite'), standby: false })
  const of = { student: 'Ada L', exercise: 'protocol' }
  const [{ id: question }] = (await lab.call('guide.exercise', { exercise: of.exercise })).questions
  await lab.call('guide.open', of)
  await lab.call('guide.answer', { ...of, question, text: 'Because <it> must.' })
  await lab.close()
  expect(await sandbox.ferry('guide', 'report', 'Ada L')).toMatchObject({
    code: 0,
    stdout: 'Ada-L.html: 1 exercise, 0 runs\n',
  })
  expect(readFileSync(sandbox.path('Ada-L.html'), 'utf8')).toContain('Because &lt;it&gt; must.')
  writeFileSync(sandbox.path('other.html'), '<p>Not one.</p>')
  const table = await sandbox.ferry('guide', 'table', 'Ada-L.html', 'other.html', '--csv')
  expect(table.code).toBe(1)
  expect(table.stdout).toMatch(
    /^student,exercises,passed,checks,answered,questions,runs,made_at,([\w-]+)_passed,\1_answered\r?\nAda L,1,0,4,1,5,0,2[^,]+,0,1\r?\n/,
  )
  expect(table.stderr).toContain('other.html is not a report')
  const nobody = await sandbox.ferry('guide', 'report', 'Bob')
  expect(nobody).toMatchObject({ code: 1, stdout: '' })
  expect(nobody.stderr).toContain('There is progress of: Ada L')
})
