/** The exercises of the hosts' terminals, done as a student does them, in a real lab. */
import { expect, test } from 'vitest'
import type { LabService } from '../../../engine/lab/service.ts'
import { openLab } from '../lab-fixture.ts'
import { edit, fails, sh } from '../toolstack/toolstack-fixture.ts'

const student = 'Ada'

async function open(service: LabService, exercise: string): Promise<() => Promise<string[]>> {
  await service.call('guide.open', { student, exercise })
  return async () => {
    const { checks } = await service.call('guide.progress', { student, exercise })
    return checks.filter(({ passed }) => !passed).map(({ id }) => id)
  }
}

test('homogeneous migration on Xen: refused as installed, then moved; nothing is left to do', async () => {
  const service = await openLab([
    { name: 'xen', kind: 'xen' },
    { name: 'xen-2', kind: 'xen' },
  ])
  const left = await open(service, 'xen-homogeneous')
  const config = '/etc/xen/xend-config.sxp'
  expect(await left()).toContain('as-installed')
  await edit(service, 'xen-2', config, (text) => text.replaceAll(/^\(xend-relocation-/gm, '#(xend-relocation-'))
  expect(await left()).toEqual(['created', 'refused', 'copied', 'moved'])
  await sh(service, 'xen', 'xm create labos.cfg')
  expect(await fails(service, 'xen', 'xm migrate --live labos xen-2')).toContain('REQ_FAIL')
  expect(await left()).toEqual(['copied', 'moved'])
  await edit(service, 'xen-2', config, (text) => text.replaceAll('#(xend-relocation-', '(xend-relocation-'))
  await sh(service, 'xen-2', 'service xend restart')
  await sh(service, 'xen', 'scp /etc/xen/labos.cfg root@xen-2:/etc/xen/')
  await sh(service, 'xen', 'xm migrate --live labos xen-2')
  expect(await left()).toEqual([])
})

test('homogeneous migration on KVM: defined, started, watched and moved; nothing is left to do', async () => {
  const service = await openLab([
    { name: 'kvm', kind: 'kvm' },
    { name: 'kvm-2', kind: 'kvm' },
  ])
  const left = await open(service, 'kvm-homogeneous')
  expect(await left()).toEqual(['defined', 'started', 'watched', 'moved', 'not-listening'])
  await sh(service, 'kvm', 'virsh define labos.xml')
  await sh(service, 'kvm', 'virsh start labos')
  await sh(service, 'kvm', 'virsh migrate-setspeed labos 2')
  const moving = sh(service, 'kvm', 'virsh migrate --live labos qemu+ssh://kvm-2/system')
  await sh(service, 'kvm', 'virsh domjobinfo labos')
  expect(await left()).toEqual(['moved', 'not-listening'])
  await sh(service, 'kvm', 'virsh migrate-setspeed labos 1000')
  await moving
  expect(await left()).toEqual(['not-listening'])
  await edit(service, 'kvm', '/etc/libvirt/libvirtd.conf', (text) => text.replace('listen_tcp', '#listen_tcp'))
  await fails(service, 'kvm-2', 'virsh migrate --live labos qemu+tcp://kvm/system')
  expect(await left()).toEqual([])
})
