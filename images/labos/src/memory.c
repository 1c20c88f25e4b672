/* How much RAM there is, who gets it, and the identity map over it. */
#include "labos.h"

#define LOADER_MAGIC 0x2BADB002 /* Multiboot specification 0.6.96, 3.2 */
#define INFO_MEMORY 0x01
#define INFO_MMAP 0x40

extern u8 text_end[], kernel_end[];

u32 ram_top;
static u32 next_free;

/* The end of the RAM that the kernel itself lies in; what is beyond a hole is left alone. */
void memory_init(u32 magic, const u32 *info)
{
    u32 end = (u32)kernel_end;
    if (magic == LOADER_MAGIC && (info[0] & INFO_MMAP)) {
        u32 at = info[12], stop = at + info[11];
        while (at < stop) {
            const u32 *entry = (const u32 *)at; /* size, base low, base high, length low, length high, type */
            u64 base = (u64)entry[2] << 32 | entry[1], length = (u64)entry[4] << 32 | entry[3];
            if (entry[5] == 1 && base < end && base + length > end)
                ram_top = base + length > 0xE0000000 ? 0xE0000000 : (u32)(base + length);
            at += entry[0] + 4;
        }
    }
    if (!ram_top && magic == LOADER_MAGIC && (info[0] & INFO_MEMORY)) ram_top = 0x100000 + info[2] * 1024;
    if (!ram_top) panic("no memory map", magic, info ? info[0] : 0);
    ram_top &= ~(PAGE - 1);
    next_free = end;
}

void *take_pages(u32 n)
{
    if ((ram_top - next_free) / PAGE < n) panic("out of memory", next_free, n);
    void *p = (void *)next_free;
    next_free += n * PAGE;
    fill(p, 0, n * PAGE);
    return p;
}

/*
 * A port at which a host hears which pages it may forget, as virtio-balloon's free page reporting tells it (Virtio 1.2, 5.5.6.7).
 * Ferry's machine has it (engine/machine/free-pages.ts); where there is none, the bus reads all ones.
 */
#define FREE_PAGES_PORT 0x0F60
#define FREE_PAGES_MAGIC 0x45455246 /* "FREE" */
#define MOST_AT_ONCE 4096

bool hints;
u32 pages_given;

bool hints_set(bool on) { return hints = on && inl(FREE_PAGES_PORT) == FREE_PAGES_MAGIC; }

/* What these pages hold is of no use any more; when they are read again, they hold zeros, or what they held. */
void give_back(u32 at, u32 n)
{
    u32 page = at / PAGE;
    if (!hints) return;
    pages_given += n;
    while (n) {
        u32 some = n > MOST_AT_ONCE ? MOST_AT_ONCE : n;
        outl(FREE_PAGES_PORT, page | (some - 1) << 20);
        page += some;
        n -= some;
    }
}

u32 memory_start(void) { return next_free; }

/* Page-table bits, Intel SDM vol. 3, 4.3. */
#define PRESENT 1u
#define WRITABLE 2u
#define UNCACHED 0x18u /* PCD and PWT, for the VGA window */

/*
 * An identity map in 4 kB pages although LabOS has no use for virtual memory: this way the guest has page directories and
 * tables whose accessed and dirty bits the CPU itself writes, which a dirty log must not miss.
 */
void paging_init(void)
{
    u32 *directory = take_pages(1);
    u32 tables = (ram_top + 0x3FFFFF) >> 22;
    u32 *table = take_pages(tables);
    for (u32 i = 0; i < ram_top / PAGE; i++) {
        u32 at = i * PAGE, bits = PRESENT | WRITABLE;
        if (at >= 0xA0000 && at < 0xC0000) bits |= UNCACHED;
        if (at >= 0x100000 && at < (u32)text_end) bits = PRESENT;
        if (i) table[i] = at | bits; /* page 0 stays out: a null pointer faults */
    }
    for (u32 i = 0; i < tables; i++) directory[i] = (u32)(table + i * 1024) | PRESENT | WRITABLE;
    /* CR0: PG (31), WP (16, so that read-only holds for ring 0 too); Intel SDM vol. 3, 2.5 */
    __asm__ volatile("movl %0, %%cr3\n\t"
                     "movl %%cr0, %%eax\n\t"
                     "orl $0x80010000, %%eax\n\t"
                     "movl %%eax, %%cr0"
                     : : "r"(directory) : "eax", "memory");
}
