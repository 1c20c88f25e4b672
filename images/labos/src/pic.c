/* The two 8259A interrupt controllers of the PC (Intel 8259A data sheet; ports as in the IBM AT). */
#include "labos.h"

#define MASTER 0x20
#define SLAVE 0xA0
#define ELCR 0x4D0 /* edge/level control, PIIX3 data sheet 2.5.5.7 */

void pic_init(void)
{
    outb(MASTER, 0x11); /* ICW1: cascade, ICW4 follows */
    outb(SLAVE, 0x11);
    outb(MASTER + 1, 32); /* ICW2: vectors 32-39, above the CPU's exceptions */
    outb(SLAVE + 1, 40);
    outb(MASTER + 1, 4); /* ICW3: the slave hangs on IRQ 2 */
    outb(SLAVE + 1, 2);
    outb(MASTER + 1, 1); /* ICW4: 8086 mode, manual end of interrupt */
    outb(SLAVE + 1, 1);
    outb(MASTER + 1, 0xFB); /* all masked but the cascade */
    outb(SLAVE + 1, 0xFF);
}

void pic_unmask(u32 irq)
{
    u16 port = irq < 8 ? MASTER + 1 : SLAVE + 1;
    outb(port, inb(port) & (u8)~(1u << (irq & 7)));
}

/* PCI interrupts are level triggered and may be shared; ISA ones stay edge triggered. */
void pic_level(u32 irq)
{
    u16 port = irq < 8 ? ELCR : ELCR + 1;
    outb(port, inb(port) | (u8)(1u << (irq & 7)));
}

/* IRQ 7 and 15 also mean "the line dropped before I could look": then the in-service bit is clear. */
bool pic_spurious(u32 irq)
{
    u16 port = irq < 8 ? MASTER : SLAVE;
    if ((irq & 7) != 7) return false;
    outb(port, 0x0B); /* OCW3: next read gives the in-service register */
    if (inb(port) & 0x80) return false;
    if (irq == 15) outb(MASTER, 0x20); /* the master did see its cascade input */
    return true;
}

void pic_eoi(u32 irq)
{
    if (irq >= 8) outb(SLAVE, 0x20);
    outb(MASTER, 0x20);
}
