/* Interrupt stubs. Each brings the stack to one shape (struct frame in idt.c) and calls interrupt(frame). */

    .text
/* Vectors whose exception pushes an error code: 8, 10-14, 17, 21 (Intel SDM vol. 3, table 6-1). */
    .macro STUB n
    .balign 16
    .if (\n == 8) || (\n >= 10 && \n <= 14) || (\n == 17) || (\n == 21)
    .else
    pushl $0
    .endif
    pushl $\n
    jmp common
    .endm

    .globl isr_stubs
    .balign 16
isr_stubs:
    .altmacro
    .set i, 0
    .rept 48
    STUB %i
    .set i, i + 1
    .endr
    .noaltmacro
    .balign 16

common:
    pushal
    cld
    movl %esp, %eax
    pushl %eax
    call interrupt
    addl $4, %esp
    popal
    addl $8, %esp
    iret
