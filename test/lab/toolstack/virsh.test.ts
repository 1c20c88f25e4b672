/** virsh on real guests: defined, started, moved, and what its jobs can be told. */
import { expect, test } from 'vitest'
import { LIBVIRTD_CONF, QEMU_CONF } from '../../../engine/hypervisors/kvm/toolstack/libvirt-config.ts'
import { FerryError } from '../../../engine/util/errors.ts'
import { openLab } from '../lab-fixture.ts'
import { edit, fails, sh } from './toolstack-fixture.ts'

test('a domain is defined, started, told of, suspended and moved, as virsh says it', async () => {
  const service = await openLab([
    { name: 'kvm', kind: 'kvm' },
    { name: 'other', kind: 'kvm' },
  ])
  expect(await fails(service, 'kvm', 'virsh start labos')).toBe("error: failed to get domain 'labos'\n\n")
  await edit(service, 'kvm', '/root/labos.xml', (text) => text.replace('<memory', '<memory&'))
  expect(await fails(service, 'kvm', 'virsh define labos.xml')).toContain('/root/labos.xml, line 3: ')
  await edit(service, 'kvm', '/root/labos.xml', (text) => text.replace('<memory&', '<memory'))
  expect(await sh(service, 'kvm', 'virsh define labos.xml')).toBe("Domain 'labos' defined from labos.xml\n\n")
  expect(await sh(service, 'kvm', 'virsh list --all')).toContain('\n -    labos   shut off\n')
  const off = await sh(service, 'kvm', 'virsh dominfo labos')
  expect(off).toMatch(/State: {10}shut off\n[^]*Max memory: {5}16384 KiB\n/)
  for (const command of ['suspend', 'resume', 'destroy']) {
    expect(await fails(service, 'kvm', `virsh ${command} labos`)).toBe(
      `error: Failed to ${command} domain 'labos'\nerror: Requested operation is not valid: domain is not running\n\n`,
    )
  }
  expect(await sh(service, 'kvm', 'virsh start labos')).toBe("Domain 'labos' started\n\n")
  // Its UUID is what it was, and is so wherever it goes.
  const uuid = (await sh(service, 'kvm', 'virsh domuuid 1')).trim()
  expect(off).toContain(`UUID:           ${uuid}\n`)
  expect(await sh(service, 'kvm', `virsh domid ${uuid}`)).toBe('1\n\n')
  expect(await sh(service, 'kvm', `virsh domname ${uuid.toUpperCase()}`)).toBe('labos\n\n')
  expect(await sh(service, 'kvm', 'virsh dumpxml labos')).toContain(`  <uuid>${uuid}</uuid>\n`)
  expect(await sh(service, 'kvm', 'virsh list')).toBe(
    ' Id   Name    State\n-----------------------\n 1    labos   running\n\n',
  )
  expect(await sh(service, 'kvm', 'virsh dominfo labos')).toContain('Used memory:    16384 KiB\n')
  expect(await sh(service, 'kvm', 'virsh dumpxml labos')).toContain("<domain type='kvm' id='1'>\n  <name>labos</name>")
  expect(await sh(service, 'kvm', 'virsh suspend labos')).toBe("Domain 'labos' suspended\n\n")
  expect(await sh(service, 'kvm', 'virsh domstate labos')).toBe('paused\n\n')
  await sh(service, 'kvm', 'virsh resume labos')
  expect(await sh(service, 'kvm', 'virsh domjobinfo labos')).toBe('Job type:         None\n\n')

  // Slow enough to be looked at, and then faster, by the very command.
  await sh(service, 'kvm', 'virsh migrate-setspeed labos 1')
  const moving = sh(service, 'kvm', 'virsh migrate --live --persistent labos qemu+ssh://root@other/system')
  await expect.poll(() => sh(service, 'kvm', 'virsh domjobinfo labos')).toContain('Unbounded')
  await sh(service, 'kvm', 'virsh migrate-setspeed labos 1000')
  expect(await moving).toContain('labos runs on other: pre-copy')
  expect(await sh(service, 'kvm', 'virsh list --all')).toContain('shut off')
  expect(await sh(service, 'other', 'virsh list')).toContain(' 1    labos   running')
  expect(await sh(service, 'other', 'virsh dominfo 1')).toContain(`UUID:           ${uuid}\n`)
  expect(await fails(service, 'other', `virsh domname ${uuid.replace(/^./, 'x')}`)).toContain('failed to get domain')

  // Names are one in the whole lab, unlike in libvirt: who comes across that is told where the other one is.
  expect(await fails(service, 'kvm', 'virsh start labos')).toBe(
    `error: Failed to start domain 'labos'
error: There is a guest named labos on other already, and names are one in the whole lab. Destroy it there, or give this domain another name in its file.

`,
  )

  // Back, but Ctrl-C comes first.
  await sh(service, 'other', 'virsh migrate-setspeed labos 1')
  const back = fails(service, 'other', 'virsh migrate --live labos qemu+ssh://kvm/system')
  await expect.poll(() => service.call('toolstack.interrupt', { host: 'other' })).toEqual({ cancelled: 1 })
  expect(await back).toContain('labos is on other, as before')
  expect(await fails(service, 'other', 'virsh migrate --live labos qemu+ssh://nowhere/system')).toContain('resolve')
})

test('a host is told of, with its own memory', async () => {
  const service = await openLab([{ name: 'kvm', kind: 'kvm' }])
  const info = await sh(service, 'kvm', 'virsh nodeinfo')
  expect(info).toMatch(/^CPU model: {11}\S+\nCPU\(s\): {14}\d+\n/)
  expect(info).toContain(`Memory size:         ${256 * 1024} KiB\n\n`)
  expect(await sh(service, 'kvm', 'virsh version')).toMatch(/^Running hypervisor: QEMU /m)
})

test('libvirtd.conf says who reaches the daemon, qemu.conf where guests come in: what they forbid is refused', async () => {
  const service = await openLab([
    { name: 'kvm', kind: 'kvm' },
    { name: 'new', kind: 'kvm', as_installed: true },
  ])
  await sh(service, 'kvm', 'virsh define labos.xml')
  await sh(service, 'kvm', 'virsh start labos')
  const migrate = (more: string) => `virsh migrate --live labos ${more}`
  const conf = (change: (text: string) => string) => edit(service, 'new', LIBVIRTD_CONF, change)
  const refused = await fails(service, 'kvm', migrate('qemu+tcp://new/system'))
  expect(refused).toContain("error: unable to connect to server at 'new:16509': Connection refused\nferry: ")
  await conf((text) => text.replace('#listen_tcp', 'listen_tcp'))
  expect(await fails(service, 'kvm', migrate('qemu+tcp://new/system'))).toContain('error: authentication failed')
  await conf((text) => text.replace('#auth_tcp', 'auth_tcp').replace('#tcp_port = "16509"', 'tcp_port = "16510"'))
  expect(await fails(service, 'kvm', migrate('qemu+tcp://new/system'))).toContain('tcp_port = "16510"')
  expect(await fails(service, 'kvm', migrate('qemu+tls://new:16510/system'))).toContain('CA certificate')
  await edit(service, 'new', QEMU_CONF, (text) => `${text}migration_address = "localhost"\n`)
  expect(await fails(service, 'kvm', migrate('qemu+ssh://new/system'))).toMatch(/'new:\d+': Connection refused/)
  const broken = edit(service, 'new', QEMU_CONF, () => 'migration_port_min = 0\n')
  expect(FerryError.from(await broken.catch((thrown: unknown) => thrown)).data['line']).toBe(1)
  await edit(service, 'new', QEMU_CONF, () => 'migration_port_min = 49200\n')
  expect(await fails(service, 'kvm', migrate('qemu+tcp://new:16510/system tcp://new:49152'))).toContain(
    'unexpected data',
  )
  expect(await fails(service, 'kvm', migrate('qemu+tcp://new:16510/system --migrateuri tcp://new:49152'))).toContain(
    "'new:49152': Connection refused",
  )
  // Nobody has gone anywhere; all is set up by now.
  expect(await service.call('runs.list', {})).toEqual([])
  expect(await sh(service, 'kvm', migrate('qemu+tcp://new:16510/system --migrateuri tcp://new:49200'))).toContain(
    'labos runs on new',
  )
  // A host of the lab lets everybody in.
  expect(await sh(service, 'new', migrate('qemu+tcp://kvm/system'))).toContain('labos runs on kvm')
})
