/* Interrupt descriptor table, dispatch, and what happens on an exception. */
#include "labos.h"

struct frame { u32 edi, esi, ebp, esp, ebx, edx, ecx, eax, vector, error, eip, cs, eflags; };

extern u8 isr_stubs[]; /* 48 stubs of 16 bytes each, isr.S */

static struct { u16 low, selector; u8 zero, type; u16 high; } idt[48];
static irq_handler handlers[16];

void idt_init(void)
{
    for (u32 i = 0; i < 48; i++) {
        u32 to = (u32)isr_stubs + i * 16;
        idt[i].low = (u16)to;
        idt[i].high = (u16)(to >> 16);
        idt[i].selector = 0x08;
        idt[i].type = 0x8E; /* present, ring 0, 32-bit interrupt gate: interrupts stay off in the handler */
    }
    struct { u16 limit; u32 base; } __attribute__((packed)) pointer = { sizeof idt - 1, (u32)idt };
    __asm__ volatile("lidt %0" : : "m"(pointer));
}

void irq_on(u32 irq, irq_handler handler)
{
    handlers[irq] = handler;
    pic_unmask(irq);
}

void panic(const char *why, u32 a, u32 b)
{
    cli();
    say("PANIC %s a=0x%08x b=0x%08x", why, a, b);
    for (;;) __asm__ volatile("cli; hlt");
}

void interrupt(struct frame *f);
void interrupt(struct frame *f)
{
    if (f->vector < 32) {
        u32 cr2;
        __asm__ volatile("movl %%cr2, %0" : "=r"(cr2));
        say("EXCEPTION vector=%u error=0x%x eip=0x%08x cr2=0x%08x", f->vector, f->error, f->eip, cr2);
        panic("exception", f->vector, f->eip);
    }
    u32 irq = f->vector - 32;
    if (pic_spurious(irq)) return;
    if (handlers[irq]) handlers[irq]();
    /* After the handler: a level-triggered device has dropped its line by now, so it does not fire twice. */
    pic_eoi(irq);
}
