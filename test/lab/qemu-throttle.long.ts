import './qemu-throttle.test.ts'
