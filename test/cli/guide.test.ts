import { writeFileSync } from 'node:fs'
import { afterAll, expect, it } from 'vitest'
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
