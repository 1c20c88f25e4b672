/*
 * PCI configuration space, mechanism 1 (PCI 2.1, 3.7.4.1), and the little that a BIOS would have done: booted by
 * multiboot there was none, so interrupt routing and I/O addresses may still be blank.
 */
#include "labos.h"

#define ADDRESS 0xCF8
#define DATA 0xCFC

enum { ID = 0x00, COMMAND = 0x04, CLASS = 0x08, HEADER = 0x0C, BAR0 = 0x10, INTERRUPT = 0x3C };
#define PIRQ_ROUTE 0x60 /* PIIX3 data sheet 2.2.9: PIRQRC[A:D], bit 7 = not routed */

static u32 isa_bridge = 0xffffffff;
static u16 next_io = 0xC000; /* where SeaBIOS starts too */

u32 pci_read(u32 at, u32 reg)
{
    outl(ADDRESS, 0x80000000 | at | reg);
    return inl(DATA);
}

static void write8(u32 at, u32 reg, u8 v)
{
    outl(ADDRESS, 0x80000000 | at | (reg & 0xFC));
    outb((u16)(DATA + (reg & 3)), v);
}

void pci_write16(u32 at, u32 reg, u16 v)
{
    outl(ADDRESS, 0x80000000 | at | (reg & 0xFC));
    outw((u16)(DATA + (reg & 2)), v);
}

static void write32(u32 at, u32 reg, u32 v)
{
    outl(ADDRESS, 0x80000000 | at | reg);
    outl(DATA, v);
}

/* Calls `match` for every function on bus 0 until it says yes. */
static bool scan(bool (*match)(u32 at, u32 a, u32 b), u32 a, u32 b, u32 *found)
{
    for (u32 slot = 0; slot < 32; slot++) {
        for (u32 function = 0; function < 8; function++) {
            u32 at = slot << 11 | function << 8;
            if ((pci_read(at, ID) & 0xFFFF) == 0xFFFF) {
                if (!function) break;
                continue;
            }
            if (match(at, a, b)) {
                *found = at;
                return true;
            }
            if (!function && !(pci_read(at, HEADER) & 0x800000)) break; /* single function */
        }
    }
    return false;
}

static bool by_id(u32 at, u32 vendor, u32 device) { return pci_read(at, ID) == (device << 16 | vendor); }
static bool by_class(u32 at, u32 class, u32 unused) { (void)unused; return pci_read(at, CLASS) >> 16 == class; }

static u8 route(u32 at)
{
    u32 pin = pci_read(at, INTERRUPT) >> 8 & 0xFF, slot = at >> 11;
    if (!pin || isa_bridge == 0xffffffff) return 0;
    u32 which = slot - 1 + pin - 1 & 3; /* how the 440FX boards wire the slots */
    u8 irq = (u8)(pci_read(isa_bridge, PIRQ_ROUTE) >> which * 8);
    write8(at, INTERRUPT, irq);
    return irq;
}

static void fill_in(u32 at, struct pci_device *d)
{
    u32 id = pci_read(at, ID);
    d->at = at;
    d->vendor = (u16)id;
    d->device = (u16)(id >> 16);
    d->irq = route(at);
    /* I/O space, memory space, bus master */
    pci_write16(at, COMMAND, (u16)(pci_read(at, COMMAND) | 7));
}

void pci_init(void)
{
    static const u8 irqs[4] = { 10, 10, 11, 11 }; /* as SeaBIOS routes them */
    if (!scan(by_class, 0x0601, 0, &isa_bridge)) return;
    for (u32 i = 0; i < 4; i++) {
        u8 now = (u8)(pci_read(isa_bridge, PIRQ_ROUTE) >> i * 8);
        if (now < 3 || now > 15) write8(isa_bridge, PIRQ_ROUTE + i, irqs[i]);
        pic_level((u8)(pci_read(isa_bridge, PIRQ_ROUTE) >> i * 8));
    }
}

bool pci_find(u16 vendor, u16 device, struct pci_device *d)
{
    u32 at;
    if (!scan(by_id, vendor, device, &at)) return false;
    fill_in(at, d);
    return true;
}

bool pci_find_class(u16 class, struct pci_device *d)
{
    u32 at;
    if (!scan(by_class, class, 0, &at)) return false;
    fill_in(at, d);
    return true;
}

u16 pci_io_bar(const struct pci_device *d, u32 bar, u32 size)
{
    u32 v = pci_read(d->at, BAR0 + bar * 4);
    if (!(v & 1)) return 0;
    if (!(v & 0xFFFC)) {
        next_io = (u16)((next_io + size - 1) & ~(size - 1));
        write32(d->at, BAR0 + bar * 4, next_io | 1u);
        next_io = (u16)(next_io + size);
        v = pci_read(d->at, BAR0 + bar * 4);
    }
    return (u16)(v & 0xFFFC);
}
