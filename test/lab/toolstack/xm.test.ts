/** xm on real guests: the way of the paper from the four lines to the migrated domain, and what stands in it. */
import { expect, test } from 'vitest'
import { XEND_CONFIG } from '../../../engine/hypervisors/xen/toolstack/xend-config.ts'
import { FerryError } from '../../../engine/util/errors.ts'
import { openLab, XEN_AND_KVM } from '../lab-fixture.ts'
import { edit, fails, sh } from './toolstack-fixture.ts'

test('a domain is created from its file, listed, paused, unpaused and destroyed', async () => {
  const service = await openLab(XEN_AND_KVM)
  expect(await sh(service, 'xen', 'xm create labos.cfg')).toBe(
    'Using config file "/etc/xen/labos.cfg".\nStarted domain labos (id=1)\n',
  )
  expect(await sh(service, 'xen', 'xm list')).toMatch(/^Domain-0 +0 .*\nlabos +1 +16 +1 +[r-][b-]---- +\d+\.\d\n$/m)
  // It has nothing to do, and then it has: the vCPU of an idle guest waits for its interrupts.
  const [guest] = await service.call('guests.list', {})
  const list = () => sh(service, 'xen', 'xm list labos')
  await expect.poll(list, { timeout: 60_000 }).toContain(' -b---- ')
  await service.call('guests.write', { guest: guest.id, data: 'spin 600000\n' })
  await expect.poll(list, { timeout: 60_000 }).toContain(' r----- ')
  await sh(service, 'xen', 'xm pause labos')
  expect(await sh(service, 'xen', 'xm list labos')).toContain('--p---')
  await sh(service, 'xen', 'xm unpause 1')
  await expect.poll(list, { timeout: 60_000 }).toContain(' r----- ')
  expect(await fails(service, 'xen', 'xm create labos.cfg')).toContain("Domain 'labos' already exists with ID '1'")
  const { next } = await service.call('toolstack.run', { host: 'xen', line: 'xm console labos' })
  expect(next).toEqual({ do: 'console', guest: guest.id })
  await sh(service, 'xen', 'xm destroy labos')
  expect(await fails(service, 'xen', 'xm destroy labos')).toBe("Error: Domain 'labos' does not exist.\n")
  expect(await fails(service, 'kvm', 'xm list')).toContain('command not found')
})

test('as installed a host answers REQ_FAIL; without the # of the four lines it takes the domain', async () => {
  const service = await openLab([
    { name: 'host-1', kind: 'xen' },
    { name: 'host-2', kind: 'xen', as_installed: true },
  ])
  await sh(service, 'host-1', 'xm create labos.cfg')
  const refused = await fails(service, 'host-1', 'xm migrate --live labos host-2')
  expect(refused).toContain('REQ_FAIL')
  expect(refused).toContain('relocation server is off')
  expect(refused).toContain('labos is on host-1, as before')
  await edit(service, 'host-2', XEND_CONFIG, (text) => text.replaceAll('#(xend-relocation-', '(xend-relocation-'))
  await sh(service, 'host-2', 'service xend restart')
  // The domain gets the next id of the host that it comes to.
  expect(await sh(service, 'host-1', 'xm migrate -live 1 host-2')).toContain('labos runs on host-2')
  expect(await sh(service, 'host-2', 'xm list')).toMatch(/^labos +1 /m)
  expect(await sh(service, 'host-1', 'xm list')).not.toContain('labos')
  expect((await service.call('runs.list', {})).map(({ outcome }) => outcome).sort()).toEqual(['completed', 'failed'])
})

test('who is not in hosts-allow is kept out, and a port that is not listened on is a refused connection', async () => {
  const service = await openLab([
    { name: 'host-1', kind: 'xen' },
    { name: 'host-2', kind: 'xen' },
  ])
  await sh(service, 'host-1', 'xm create labos.cfg')
  const allow = (peers: string) =>
    edit(service, 'host-2', XEND_CONFIG, (text) =>
      text.replace(/^\(xend-relocation-hosts-allow.*$/m, () => `(xend-relocation-hosts-allow '${peers}')`),
    )
  await allow('^localhost$ ^host-9$')
  expect(await fails(service, 'host-1', 'xm migrate --live labos host-2')).toContain('accepts only peers that match')
  await allow('^localhost$ ^host-1$')
  await edit(service, 'host-2', XEND_CONFIG, (text) => text.replace('port 8002', 'port 8010'))
  expect(await fails(service, 'host-1', 'xm migrate --live labos host-2')).toContain(
    "Error: can't connect: Connection refused\n",
  )
  expect(await fails(service, 'host-1', 'xm migrate --live labos nowhere')).toContain('Name or service not known')
  expect(await sh(service, 'host-1', 'xm migrate --live -p 8010 labos host-2')).toContain('labos runs on host-2')
})

test('a file that is not valid is refused with its line, and what was before stays', async () => {
  const service = await openLab([{ name: 'xen', kind: 'xen' }])
  const before = await service.call('files.read', { host: 'xen', path: XEND_CONFIG })
  const broken = edit(service, 'xen', XEND_CONFIG, () => '(xend-relocation-server yes)\n(xend-relocation-port x)\n')
  const error = FerryError.from(await broken.catch((thrown: unknown) => thrown))
  expect([error.code, error.data['line']]).toEqual(['config.syntax', 2])
  expect(await service.call('files.read', { host: 'xen', path: XEND_CONFIG })).toEqual(before)
  // Somebody else was faster: nothing of theirs is lost.
  await edit(service, 'xen', XEND_CONFIG, (text) => `${text}\n`)
  const late = service.call('files.write', { host: 'xen', path: XEND_CONFIG, text: '', version: before.version })
  expect(FerryError.from(await late.catch((thrown: unknown) => thrown)).code).toBe('files.changed')
})

test('files are listed, printed, and copied to another host', async () => {
  const service = await openLab([
    { name: 'host-1', kind: 'xen' },
    { name: 'host-2', kind: 'xen' },
  ])
  const path = '/etc/xen/debian-base-xen.cfg'
  await sh(service, 'host-2', `rm ${path}`)
  expect(await fails(service, 'host-2', `cat ${path}`)).toContain('No such file or directory')
  await sh(service, 'host-1', `scp ${path} root@host-2:/etc/xen/`)
  expect(await sh(service, 'host-2', `cat ${path}`)).toBe(await sh(service, 'host-1', `cat ${path}`))
  await sh(service, 'host-2', 'cd /etc/xen')
  expect(await sh(service, 'host-2', 'ls')).toBe('debian-base-xen.cfg\nlabos.cfg\nxend-config.sxp\n')
  expect(await fails(service, 'host-1', 'scp /etc/hosts root@nowhere:')).toContain('Could not resolve hostname nowhere')
  expect(await service.call('toolstack.history', { host: 'host-2' })).toContain('cd /etc/xen')
  const tab = async (line: string) => {
    const { from, common } = await service.call('toolstack.complete', { host: 'host-2', line, cursor: line.length })
    return line.slice(0, from) + common
  }
  expect(await tab('cat deb')).toBe('cat debian-base-xen.cfg ')
  expect(await tab('xm migrate labos h')).toBe('xm migrate labos host-1 ')
  expect(await tab('scp labos.cfg root@host-1:/etc/xen/xe')).toBe('scp labos.cfg root@host-1:/etc/xen/xend-config.sxp ')
  expect(await tab('service xend st')).toBe('service xend status ')
  // Another terminal of the host is where it was.
  const other = await service.call('toolstack.run', { host: 'host-2', line: 'pwd', terminal: 'other' })
  expect(other.output).toBe('/root\n')
})
