/*
 * The witness: CPU state that nothing in LabOS uses, set once to unusual values and compared ever after. The memory
 * workload proves that RAM survives a migration; this proves it of the registers that such a guest would never touch.
 */
#include "labos.h"

/* Model-specific registers, Intel SDM vol. 4: SYSENTER_CS, _ESP, _EIP. */
#define MSR_SYSENTER 0x174
#define CPUID_FPU 1u
#define CPUID_SEP (1u << 11)
#define CPUID_FXSR (1u << 24)
#define CPUID_SSE (1u << 25)

u32 witness_checks, witness_errors;

static u32 features;
static u32 fpu[27], fpu_now[27]; /* FSAVE image, 108 bytes: Intel SDM vol. 1, figure 8-9 */
static u8 xmm[128] __attribute__((aligned(16))), xmm_now[128] __attribute__((aligned(16)));
static u32 mxcsr;
static u32 debug[4], msr[3], control[3];
static struct { u16 limit; u32 base; } __attribute__((packed)) gdtr, idtr;
static u16 task;
static u32 next_ms;

static void fpu_image(u32 *to)
{
    /* FNSAVE resets the FPU, so load the same image again. */
    __asm__ volatile("fnsave %0; frstor %0" : "+m"(*(u32(*)[27])to));
    to[3] = to[4] = to[5] = 0;            /* last instruction and operand: emulators differ in keeping these */
    to[6] = 0;
    to[0] &= 0xFFFF;
    to[1] &= 0xFFFF;
    to[2] &= 0xFFFF;
}

static void xmm_store(u8 *to)
{
    __asm__ volatile("movups %%xmm0, 0(%0); movups %%xmm1, 16(%0); movups %%xmm2, 32(%0); movups %%xmm3, 48(%0)\n\t"
                     "movups %%xmm4, 64(%0); movups %%xmm5, 80(%0); movups %%xmm6, 96(%0); movups %%xmm7, 112(%0)"
                     : : "r"(to) : "memory");
}

static u32 read_msr(u32 which)
{
    u32 low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(which));
    return low;
}

static void control_read(u32 *to)
{
    __asm__ volatile("movl %%cr0, %0" : "=r"(to[0]));
    __asm__ volatile("movl %%cr3, %0" : "=r"(to[1]));
    __asm__ volatile("movl %%cr4, %0" : "=r"(to[2]));
}

static void debug_read(u32 *to)
{
    __asm__ volatile("movl %%dr0, %0" : "=r"(to[0]));
    __asm__ volatile("movl %%dr1, %0" : "=r"(to[1]));
    __asm__ volatile("movl %%dr2, %0" : "=r"(to[2]));
    __asm__ volatile("movl %%dr3, %0" : "=r"(to[3]));
}

void witness_init(void)
{
    u32 a = 1, b, c, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
    features = d;
    if (features & CPUID_FPU) {
        static const u16 word = 0x0E7F; /* round towards zero, 53 bits, all exceptions masked: not the default */
        /* CR0: clear EM and TS, set MP and NE; then five different numbers, so that top of stack and tags matter */
        __asm__ volatile("movl %%cr0, %%eax; andl $~0x0C, %%eax; orl $0x22, %%eax; movl %%eax, %%cr0\n\t"
                         "fninit; fldcw %0; fldpi; fldl2e; fldln2; fldz; fld1; fchs; fcom %%st(3)"
                         : : "m"(word) : "eax");
        fpu_image(fpu);
    }
    if (features & CPUID_FXSR && features & CPUID_SSE) {
        mxcsr = 0x7F80; /* round towards zero: not the default 0x1F80 */
        for (u32 i = 0, x = 0x600DCAFE; i < 128; i++) xmm[i] = (u8)(x = xorshift(x));
        __asm__ volatile("movl %%cr4, %%eax; orl $0x200, %%eax; movl %%eax, %%cr4\n\t" /* CR4.OSFXSR */
                         "ldmxcsr %1\n\t"
                         "movups 0(%0), %%xmm0; movups 16(%0), %%xmm1; movups 32(%0), %%xmm2; movups 48(%0), %%xmm3\n\t"
                         "movups 64(%0), %%xmm4; movups 80(%0), %%xmm5; movups 96(%0), %%xmm6; movups 112(%0), %%xmm7"
                         : : "r"(xmm), "m"(mxcsr) : "eax", "memory");
    } else features &= ~CPUID_SSE;
    /* Breakpoint addresses, with no breakpoint enabled in DR7. */
    __asm__ volatile("movl %0, %%dr0; movl %1, %%dr1; movl %2, %%dr2; movl %3, %%dr3"
                     : : "r"(0x11111110), "r"(0x22222220), "r"(0x33333330), "r"(0x44444440));
    debug_read(debug);
    if (features & CPUID_SEP) {
        for (u32 i = 0; i < 3; i++) {
            u32 v = i ? 0x5AFE0000 + i * 0x1110 : 0x08;
            __asm__ volatile("wrmsr" : : "c"(MSR_SYSENTER + i), "a"(v), "d"(0));
            msr[i] = read_msr(MSR_SYSENTER + i);
        }
    }
    __asm__ volatile("sgdt %0; sidt %1; str %2" : "=m"(gdtr), "=m"(idtr), "=m"(task));
    control_read(control);
}

bool witness_check(char *out, u32 size)
{
    bool fpu_ok = true, sse_ok = true, dr_ok = true, msr_ok = true, tables_ok = true, cr_ok = true;
    u32 now[4], flags = irq_save();
    if (features & CPUID_FPU) {
        fpu_image(fpu_now);
        fpu_ok = !__builtin_memcmp(fpu, fpu_now, sizeof fpu);
    }
    if (features & CPUID_SSE) {
        u32 csr;
        xmm_store(xmm_now);
        __asm__ volatile("stmxcsr %0" : "=m"(csr));
        sse_ok = csr == mxcsr && !__builtin_memcmp(xmm, xmm_now, sizeof xmm);
    }
    debug_read(now);
    dr_ok = !__builtin_memcmp(now, debug, sizeof debug);
    if (features & CPUID_SEP)
        for (u32 i = 0; i < 3; i++) msr_ok &= read_msr(MSR_SYSENTER + i) == msr[i];
    struct { u16 limit; u32 base; } __attribute__((packed)) g, i;
    u16 t;
    __asm__ volatile("sgdt %0; sidt %1; str %2" : "=m"(g), "=m"(i), "=m"(t));
    tables_ok = g.base == gdtr.base && g.limit == gdtr.limit && i.base == idtr.base && i.limit == idtr.limit && t == task;
    control_read(now);
    cr_ok = !__builtin_memcmp(now, control, sizeof control);
    irq_restore(flags);
    bool ok = fpu_ok && sse_ok && dr_ok && msr_ok && tables_ok && cr_ok;
    witness_checks++;
    if (!ok) witness_errors++;
    static const char *const word[] = { "bad", "ok" };
    format(out, size, "fpu=%s sse=%s dr=%s msr=%s tables=%s cr=%s checks=%u errors=%u",
           features & CPUID_FPU ? word[fpu_ok] : "none", features & CPUID_SSE ? word[sse_ok] : "none", word[dr_ok],
           features & CPUID_SEP ? word[msr_ok] : "none", word[tables_ok], word[cr_ok], witness_checks, witness_errors);
    return ok;
}

void witness_step(void)
{
    char s[160];
    static bool told;
    u32 ms = now_ms();
    if ((int)(ms - next_ms) < 0) return;
    next_ms = ms + 1000;
    bool ok = witness_check(s, sizeof s);
    if (!ok && !told) say("CPU ERROR %s", s);
    told = !ok; /* wrong registers stay wrong: say it once */
}
