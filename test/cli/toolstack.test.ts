/** `ferry toolstack`: lines and a prompt on a host of a lab that runs. */
import { expect, onTestFinished, test } from 'vitest'
import { Sandbox } from './command.ts'

test('a line is carried out with its exit status, and the prompt takes lines until their end', async () => {
  const sandbox = new Sandbox()
  const serving = sandbox.start(['serve', '--port', '0', '--store', ':memory:'])
  onTestFinished(async () => {
    serving.child.kill('SIGINT')
    await serving.ended
    sandbox.remove()
  })
  await serving.until('stdout', /http:/)
  expect(await sandbox.ferry('toolstack', 'xen', 'xm', 'domid', 'nobody')).toMatchObject({
    code: 1,
    stdout: "Error: Domain 'nobody' does not exist.\n",
  })
  for (const before of [['kvm'], ['kvm', '--'], ['--debug', 'kvm']]) {
    const { stdout } = await sandbox.ferry('toolstack', ...before, 'virsh', 'list', '--all')
    expect(stdout).toContain('Id   Name   State')
  }
  expect((await sandbox.ferry('toolstack', 'xen', 'xm', 'list', '--help')).stdout).toMatch(/^Usage: xm list/)
  expect((await sandbox.ferry('toolstack', 'nowhere')).stderr).toContain('No running lab has a host "nowhere"')
  const edited = sandbox.start(['toolstack', 'xen', 'edit', '/etc/xen/xend-config.sxp'], {
    EDITOR: `sed -i 's/^(xend-relocation-port.*/(xend-relocation-port 8010)/'`,
  })
  expect(await edited.ended).toMatchObject({ code: 0 })
  const { stdout } = await sandbox.ferry('toolstack', 'xen', 'cat', '/etc/xen/xend-config.sxp')
  expect(stdout).toContain('\n(xend-relocation-port 8010)\n')
  const broken = sandbox.start(['toolstack', 'xen', 'edit', '/etc/xen/xend-config.sxp'], {
    EDITOR: `sed -i '1s/^/(/'`,
  })
  expect(await broken.ended).toMatchObject({ code: 1, stdout: expect.stringContaining('line') as string })
  expect((await sandbox.ferry('toolstack', 'xen', 'cat', '/etc/xen/xend-config.sxp')).stdout).toBe(stdout)
  const prompt = sandbox.start(['toolstack', 'xen'])
  prompt.child.stdin.end('cd /etc/xen\npwd\nxm pause nobody\n')
  expect(await prompt.ended).toMatchObject({ code: 1, stdout: expect.stringContaining('/etc/xen\n') as string })
  const script = sandbox.start(['toolstack', 'xen'])
  script.child.stdin.end(`${'xm list\n'.repeat(30)}xm info`)
  const { code, stdout: told, stderr } = await script.ended
  expect([code, stderr]).toEqual([0, ''])
  expect(told.split('Domain-0')).toHaveLength(31)
})
