/* Entry from the multiboot loader: 32-bit protected mode, paging off, EAX = magic, EBX = information structure. */

/* Constants of the Multiboot specification 0.6.96, section 3.1. */
#define MULTIBOOT_MAGIC 0x1BADB002
#define MULTIBOOT_FLAGS 0x00000003 /* bit 0: modules on page boundaries, bit 1: give us the memory map */

    .section .multiboot, "a"
    .balign 4
    .long MULTIBOOT_MAGIC
    .long MULTIBOOT_FLAGS
    .long -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

    .text
    .globl start
start:
    cli
    cld
    movl $stack_top, %esp
    movl %eax, %esi
    /* The TSS descriptor holds its base in three pieces, which no relocation can express: fill it in here. */
    movl $tss, %eax
    movw %ax, gdt + 0x18 + 2
    shrl $16, %eax
    movb %al, gdt + 0x18 + 4
    movb %ah, gdt + 0x18 + 7
    lgdt gdt_pointer
    /* The loader's descriptors may be gone: load every segment register from our own table. */
    ljmp $0x08, $1f
1:  movw $0x10, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %fs
    movw %ax, %gs
    movw %ax, %ss
    /* We never switch tasks, but hypervisors demand a valid busy TSS in TR (Intel SDM vol. 3, 26.3.1.2). */
    movw $0x18, %ax
    ltr %ax
    xorl %ebp, %ebp
    pushl %ebx
    pushl %esi
    call kernel_main
2:  cli
    hlt
    jmp 2b

    .data
    .balign 8
gdt:
    .quad 0
    .quad 0x00CF9A000000FFFF /* 0x08: code, base 0, 4 GiB, ring 0 */
    .quad 0x00CF92000000FFFF /* 0x10: data, base 0, 4 GiB, ring 0 */
    .quad 0x0000890000000067 /* 0x18: available 32-bit TSS, limit 0x67; base filled in above */
gdt_pointer:
    .word . - gdt - 1
    .long gdt

    .balign 4
tss:
    .long 0
    .long stack_top
    .long 0x10
    .fill 22, 4, 0
    .word 0, 0x68 /* I/O permission map beyond the limit: none */

    .bss
    .balign 4096
stack_bottom:
    .skip 16384
stack_top:
