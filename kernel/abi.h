/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system-call interface: the one kernel header that programs include.
 *
 * SYSCALL: rax = number, arguments in rdi rsi rdx r10 r8 r9; rax returns a value >= 0 or an error of
 * lib/base.h, rdx a second value where a call says so. rcx and r11 are lost, and so are the caller-saved
 * vector registers, as in any function call.
 *
 * A handle is an index into the caller's handle table. Calls marked (progress) do a bounded piece of
 * work and return the bytes done so far; the caller repeats with the rest (lib/user wraps this).
 */
#pragma once

#include "lib/base.h"

enum sys {
	/* The caller itself. */
	SYS_EXIT,            /* (code) ends the process; never returns                                         */
	SYS_YIELD,           /* ()                                                                             */
	SYS_CLOCK,           /* () -> ns since boot; second: TSC frequency in kHz                              */
	SYS_CLOSE,           /* (handle) forgets the handle; the object stays                                  */

	/* Processes and threads; all need RIGHT_GRANT on the process. */
	SYS_PROCESS_CREATE,  /* (arena region) -> process; takes the region over. RAM, 16 to 4096 pages, not mapped; it may be */
	                     /* unclean                                                                    */
	SYS_PROCESS_SPACE,   /* (process) -> handle of its user space                                          */
	SYS_PROCESS_DESTROY, /* (process) ends it; E_AGAIN: pieces are left, call again. Then its objects are gone and the */
	                     /* arena region is usable again (unclean) by the handle that it was created with             */
	SYS_PROCESS_STATUS,  /* (process, struct process_status *)                                             */
	SYS_PROCESS_NOTIFY,  /* (process, event) the event is signalled when the process has ended             */
	SYS_PROCESS_WEIGHT,  /* (process, weight 1..10000) share of a CPU against others                       */
	SYS_PROCESS_CPUS,    /* (process, mask, home) bit n: its threads may run on CPU n, and do so rather on those of home; bits of */
	                     /* CPUs that are not there wait for them. (SELF, mask) binds the calling thread alone, within that  */
	SYS_GRANT,           /* (process, handle, rights, slot) puts my handle into its table at slot          */
	SYS_REVOKE,          /* (process, slot)                                                                */
	SYS_THREAD_CREATE,   /* (process or SELF, entry, stack top, argument) -> thread, runs at once          */

	/* Memory. */
	SYS_REGION_SPLIT,    /* (region, offset) -> region [offset, end); the first keeps [0, offset)          */
	SYS_REGION_MERGE,    /* (low, high) high starts where low ends; high's handle dies                     */
	SYS_REGION_RECLAIM,  /* (region) unmapped everywhere, others' handles gone, contents unclean. Above 0 or E_AGAIN: */
	                     /* call again; 0: done                                                        */
	SYS_REGION_CLEAN,    /* (region, offset) zeroes (progress); clean when the end is reached              */
	SYS_SPACE_CREATE,    /* () -> a guest space (a VM), charged to the caller                              */
	SYS_MAP,             /* (space, address, region, offset, size, prot) (progress). In guest spaces memory is executable */
	                     /* and W with X is allowed; RIGHT_EXEC is asked for in user spaces only       */
	SYS_UNMAP,           /* (space, address, size) exactly one former mapping (progress)                   */

	/* Events. */
	SYS_EVENT_CREATE,    /* (process or SELF pays) -> event                                                */
	SYS_EVENT_SIGNAL,    /* (event)                                                                        */
	SYS_EVENT_BIND,      /* (event, key below 2^63) the calling thread waits for it from now on            */
	SYS_EVENT_WAIT,      /* (deadline ns, 0 = poll, ~0 = for ever) -> key, or E_TIMEOUT; second: count since last time */
	SYS_EVENT_TIMER,     /* (event, deadline ns or 0 = off) signals once. Where signals come from is for who may wait:     */
	                     /* needs READ and WRITE                                                       */
	SYS_EVENT_ROUTE,     /* (event, guest space or SELF, MSI address, MSI data) signals become interrupts of the guest and */
	                     /* wake nobody, until that ends or the space is SELF. Needs READ and WRITE of the event */

	/* Virtual machines. */
	SYS_VM_SLOT,         /* (space, gpa, size, user address) where guest RAM stands in the caller; before any vCPU */
	SYS_VM_MSI,          /* (space, MSI address, MSI data) delivers an interrupt to the local APICs        */
	SYS_VM_DOORBELL,     /* (space, kind|size, address, value, event) guest writes signal the event        */
	SYS_VCPU_CREATE,     /* (space, APIC id, user address of its page) -> vcpu; runs when its state was set */
	SYS_VCPU_RUN,        /* (vcpu) runs the guest until user level must act -> enum exit_kind              */
	SYS_VCPU_GET,        /* (vcpu, void *, bytes) struct vcpu_state, versioned                             */
	SYS_VCPU_SET,        /* (vcpu, const void *, bytes)                                                    */
	SYS_VCPU_KICK,       /* (vcpu) its vcpu_run returns EXIT_KICKED soon                                   */
	SYS_VCPU_EXTINT,     /* (vcpu, level) the PIC's INTR line                                              */

	/* The machine; need the machine handle. */
	SYS_LOG,             /* (machine, text, bytes) to the kernel log and, if not taken over, the console   */
	SYS_PORTS,           /* (machine, process, port) opens the eight I/O ports from there on, a multiple of 8 below 3f8h  */
	                     /* or that, to its threads; one such group per process, 0: none               */
	SYS_VECTOR_BIND,     /* (machine, event, vector) a device's interrupt signals the event while that exists. Whoever */
	                     /* points an interrupt controller or a device to the vector makes it edge triggered          */
	SYS_MACHINE_SETUP,   /* (machine, const struct machine_setup *) -> APIC id of the boot CPU. Once, by init, which runs  */
	                     /* with interrupts off and must not block before: ring 0 gets clock and timer by it          */
	SYS_HALT,            /* (machine) for ever: a machine that Brume cannot run on                         */
	SYS_STATS,           /* (machine, void *, bytes) struct machine_stats, its first bytes -> bytes        */
	SYS_TRACE,           /* (machine, void *, bytes) takes struct trace_record out of the trace ring -> bytes */

	SYS_CPU_START,       /* (machine, APIC id, region) starts another processor -> its number, which are given in order. The */
	                     /* region, RAM of CPU_REGION_SIZE, is its for ever. E_TIMEOUT: it does not come up; E_IO: it */
	                     /* came up, but is not like the others (see the log) or its TSC differs. Slow: at boot only   */

	/* PCI functions of the machine. */
	SYS_PCI_CONFIG,      /* (machine, function, register, value, write) a 32-bit register of configuration space -> its value, or */
	                     /* with write 1: 0. function: PCI_PORTS and what follows there, or the host-physical address of its page: */
	                     /* init's word for it is believed, so whoever holds the machine handle reaches all memory with this */
	SYS_DEVICE_CREATE,   /* (machine, process, const struct device_setup *) -> device, owned and paid by the process. Its bus */
	                     /* mastering is off then. At the end of the owner the kernel turns it off, and all interrupts, and */
	                     /* resets the function if it can do that alone. E_NOENT: no function there; E_PROTO: not as described */
	SYS_DEVICE_READ,     /* (device, register) -> as SYS_PCI_CONFIG                                        */
	SYS_DEVICE_MASTER,   /* (device, on) whether it may read and write memory                              */
	SYS_DEVICE_BIND,     /* (device, event, first, count) that many of its messages (MSI-X; or the one of MSI) signal the event */
	                     /* from now on, and are let in. 64 at most. E_NOENT: it has no such messages; E_NOMEM: no vector is left */

	SYS_COUNT
};

enum {
	SELF = 0xffffffff,           /* in place of a process handle: the caller                       */
	HANDLE_MAX = 1024,           /* handles a process may hold                                     */
	CPU_REGION_SIZE = 96 << 10,  /* bytes that ring 0 needs for a further processor                */
};

/* User addresses are below this; the page under it is never mapped. */
#define USER_END 0x00007ffffffff000ull

enum right {
	RIGHT_READ = 1 << 0,    /* map readable, read state, wait                            */
	RIGHT_WRITE = 1 << 1,   /* map writable, signal, change; of an event with READ: timer */
	RIGHT_EXEC = 1 << 2,    /* map executable                                            */
	RIGHT_GRANT = 1 << 3,   /* of a process: everything that init does to it             */
	RIGHT_DESTROY = 1 << 4, /* of a region: split, merge, reclaim; of the machine: what only init may: all but log and counters */
	RIGHT_ALL = 0x1f,
};

/* W and X together are refused in user spaces. DEVICE: uncached, whatever the MTRRs say; for REGION_PHYSICAL in user spaces. */
enum prot { PROT_R = 1, PROT_W = 2, PROT_X = 4, PROT_DEVICE = 8 };

/* Handles that the kernel gives to init, and the page it maps for it. */
enum {
	INIT_MACHINE = 0,            /* the machine handle                                               */
	INIT_SELF = 1,               /* init's own process                                               */
	INIT_SPACE = 2,              /* its user space                                                   */
	INIT_REGIONS = 3,            /* first of init_info.region_count regions, in order                */
};
#define INIT_INFO_ADDR 0x10000ull    /* user address of struct init_info, read-only                    */

/*
 * At boot all physical addresses but ring 0's own are REGION_PHYSICAL and init's: it maps them to read the firmware's tables
 * and to reach devices, splits them, and makes RAM of what the memory map calls free (SYS_REGION_RECLAIM). So every byte has
 * one region at most, and none is the kernel's.
 */
enum region_kind {
	REGION_RAM,          /* memory; unclean until SYS_REGION_CLEAN has been there            */
	REGION_PROGRAM,      /* a packed program (read-only)                                     */
	REGION_PHYSICAL,     /* as found: devices, firmware, boot modules, memory that init has not claimed yet. Cached as */
	                     /* the firmware's MTRRs say                                         */
	REGION_INFO,         /* the init_info page                                               */
};

enum { INIT_REGION_MAX = 24, PROGRAM_NAME_MAX = 16 };

/* One region handed to init, with the name of the program in it. */
struct init_region {
	uint32_t kind;                   /* enum region_kind                                     */
	uint32_t handle;
	uint64_t base;                   /* host-physical                                        */
	uint64_t size;                   /* bytes, whole pages                                   */
	uint64_t length;                 /* bytes of content of a program                        */
	char name[PROGRAM_NAME_MAX];     /* ends with 0                                          */
};

enum { INIT_MAGIC = 0x454d5242 };

/* What the loader leaves in eax: which protocol it speaks. */
enum { MULTIBOOT1_MAGIC = 0x2badb002, MULTIBOOT2_MAGIC = 0x36d76289 };

struct init_info {
	uint32_t magic;                  /* INIT_MAGIC                                           */
	uint32_t region_count;
	uint32_t loader_magic;           /* one of the two above                                 */
	uint32_t loader_info;            /* host-physical address of what the loader tells; ring 0 has not looked at it but */
	                                 /* for the option console=                              */
	struct init_region region[INIT_REGION_MAX];
};

enum machine_flag {
	MACHINE_X2APIC = 1 << 0,         /* local APICs by MSRs where the CPU has that           */
	MACHINE_COUNTER_PORT = 1 << 1,   /* counter is a port, else a host-physical address      */
	MACHINE_RESET_PORT = 1 << 2,     /* the same for reset                                   */
	MACHINE_TRACE = 1 << 3,          /* trace all kinds                                      */
	MACHINE_APICV = 1 << 4,          /* guests' APICs are the CPU's, where it can do that    */
};

/* Bytes behind machine_setup.panic_log, and what a panic leaves there: it lives through a warm reset, init shows it. */
enum { PANIC_LOG_BYTES = 0x5000, PANIC_LOG_TEXT = PANIC_LOG_BYTES - 16 };
#define PANIC_LOG_MAGIC 0x676f4c6d75724221ull

struct panic_log {
	uint64_t magic;                  /* PANIC_LOG_MAGIC, written last                        */
	uint32_t length, sum;            /* of text: bytes, lib/sum.h                            */
	char text[PANIC_LOG_TEXT];
};

/* What init has found out about the machine and ring 0 needs. */
struct machine_setup {
	uint64_t tsc_hz;                 /* measured; 1 MHz to 1 THz                             */
	uint64_t counter_hz;             /* of the counter that is the clock; 0: the TSC is      */
	uint64_t counter;                /* its 32-bit register (HPET, ACPI PM timer)            */
	uint32_t counter_mask;           /* it wraps at this + 1                                 */
	uint32_t flags;                  /* enum machine_flag                                    */
	uint64_t wall_ns;                /* now, since 1970                                      */
	uint64_t reset;                  /* the firmware's reset register; 0: none               */
	uint32_t reset_value;            /* a byte                                               */
	uint32_t panic_seconds;          /* from a panic to the reset; 0: halts                  */
	uint64_t panic_log;              /* host-physical, PANIC_LOG_BYTES below 4 GiB that nobody else uses; 0: none */
};

/*
 * Vectors of devices. The first DEVICE_LINES of them are for SYS_VECTOR_BIND, and of these the first for the console's UART: as long
 * as it is bound, the kernel's log does not go there. The others the kernel gives to messages (SYS_DEVICE_BIND).
 */
enum { DEVICE_VECTOR_FIRST = 0x30, DEVICE_VECTORS = 32, DEVICE_LINES = 8 };

/* Function of SYS_PCI_CONFIG by ports (mechanism #1, PCI 3.0, 3.2.2.3.2): this | bus << 16 | device << 11 | function << 8. */
enum { PCI_PORTS = 1 };

/*
 * A PCI function, as init found it. Offsets of capabilities in its configuration space, 0: it has none. Who makes two devices of
 * one function has a mistake that the kernel does not find.
 */
struct device_setup {
	uint64_t function;               /* as in SYS_PCI_CONFIG                                 */
	uint64_t msix_table;             /* host-physical address; whole pages around it are in no program's hands */
	uint8_t msi, msix;               /* PCI 3.0, 6.8                                         */
	uint8_t express;                 /* PCI Express, for the reset of a function (PCIe 5.0, 7.5.3) */
	uint8_t features;                /* Advanced Features, the same for conventional PCI     */
	uint32_t pad;
};

enum process_end { PROCESS_RUNS, PROCESS_EXITED, PROCESS_FAULTED, PROCESS_KILLED };

struct process_status {
	uint32_t end;                    /* enum process_end                                     */
	int32_t code;                    /* SYS_EXIT's                                           */
	uint32_t vector;                 /* of the fault                                         */
	uint32_t error;
	uint64_t rip, address;           /* of the fault                                         */
	uint64_t cpu_ns;                 /* counted run time of all its threads, guests included */
	uint64_t arena_pages, arena_free;/* pages; free: or soon, when every CPU has flushed past them */
	uint32_t handles, objects;       /* in its table; owned                                  */
};

/* SYS_STATS on the machine handle. */
struct machine_stats {
	uint64_t uptime_ns, idle_ns;
	uint64_t switches, preemptions, interrupts, syscalls;
	uint64_t kernel_bytes;           /* image with its arenas: RAM that init never got        */
	uint32_t processes, threads, spaces, regions, vcpus, events;    /* alive                  */
};

/* What SYS_TRACE reads. */
enum trace_kind {
	TRACE_NONE,
	TRACE_SWITCH,        /* a: process id, b: thread's address                                   */
	TRACE_IDLE,          /* a CPU went idle                                                      */
	TRACE_FAULT,         /* a: process id << 32 | vector, b: rip                                 */
	TRACE_PROCESS,       /* a: process id, b: enum process_end                                   */
	TRACE_SYSCALL,       /* a: process id << 32 | number, b: first argument                      */
	TRACE_EXIT,          /* a: process id << 32 | enum exit_kind, b: guest rip                   */
	TRACE_IRQ,           /* a: vector                                                            */
};

struct trace_record {
	uint64_t tsc;
	uint32_t kind;               /* enum trace_kind                                          */
	uint32_t cpu;
	uint64_t a, b;
};

/* ------------------------------------------------------------------ virtual CPUs */

enum vcpu_gpr {
	GPR_RAX, GPR_RCX, GPR_RDX, GPR_RBX, GPR_RSP, GPR_RBP, GPR_RSI, GPR_RDI,
	GPR_R8, GPR_R9, GPR_R10, GPR_R11, GPR_R12, GPR_R13, GPR_R14, GPR_R15,
	GPR_COUNT
};

/* What vcpu_run returns. The kernel handles the rest itself and counts it under the kinds after EXIT_USER_KINDS. */
enum exit_kind {
	EXIT_KICKED,         /* nothing to do but look around                                     */
	EXIT_PIO,            /* exit.pio                                                          */
	EXIT_MMIO,           /* exit.mmio: access to a guest-physical address without RAM         */
	EXIT_EOI,            /* exit.eoi: EOI of a vector in eoi_exit_bitmap                      */
	EXIT_EXTINT,         /* the guest is ready for the PIC's interrupt: put the vector into extint_vector, run again */
	EXIT_SHUTDOWN,       /* triple fault                                                      */
	EXIT_FAIL,           /* exit.fail: state that cannot be run; the VM is lost               */
	EXIT_INIT,           /* INIT arrived: set the state that it leaves                        */
	EXIT_SIPI,           /* exit.sipi: the start-up IPI that the vCPU waits for               */
	EXIT_DECODE,         /* exit.inst: tell what it is, if it is of enum insn_kind, and run again */
	EXIT_TASK,           /* exit.task: a task switch, which the processor leaves to others    */
	EXIT_USER_KINDS,
	/* below: kernel only, names for the counters */
	EXIT_CPUID = EXIT_USER_KINDS, EXIT_MSR, EXIT_HLT, EXIT_HYPERCALL, EXIT_INTERRUPT, EXIT_IRQ_WINDOW,
	EXIT_CR, EXIT_DR, EXIT_APIC, EXIT_DOORBELL, EXIT_EXCEPTION, EXIT_XSETBV, EXIT_PAUSE, EXIT_NMI, EXIT_OTHER,
	EXIT_KIND_COUNT
};

/* What an exit has to tell. No holes: they are copied whole to user level. */
struct exit_pio {
	uint16_t port;
	uint8_t size;                /* 1, 2, 4                                                      */
	uint8_t in;
	uint8_t string, rep;         /* string forms: rip not advanced, decode inst                  */
	uint16_t pad;
	uint32_t value;              /* OUT: the value                                               */
	uint64_t next_rip;           /* string forms                                                 */
};

struct exit_mmio {
	uint64_t gpa;
	uint8_t write, fetch, walk;  /* walk: by the guest's page walk itself                        */
	uint8_t asks;                /* enum mmio_asks                                               */
	uint8_t pad[4];
};

/*
 * The kernel decodes no instruction: it keeps what the vmm told it of a few, under their bytes. Of an instruction that exits as
 * such it knows the form without prefixes and asks by EXIT_DECODE for others. Plain MOVs on the APIC page and to doorbells it
 * carries out, and asks by an access to memory. ANSWER: if it is one, put it into insn, set DIRTY_INSN and run again, it will be
 * carried out then; else emulate it as any. MUST_ANSWER: nobody but the kernel can carry it out.
 */
enum mmio_asks { MMIO_ASKS_NOTHING, MMIO_ANSWER, MMIO_MUST_ANSWER };

enum insn_kind {
	INSN_MOV,                    /* between memory and a register or immediate                   */
	INSN_CPUID, INSN_RDMSR, INSN_WRMSR, INSN_HLT, INSN_HYPERCALL, INSN_XSETBV, INSN_WBINVD, INSN_INVD,
	INSN_MOV_CR,                 /* to control register value, from reg                          */
	INSN_KIND_COUNT
};

struct insn_info {
	uint8_t length;              /* bytes                                                        */
	uint8_t kind;                /* enum insn_kind                                               */
	uint8_t reg;                 /* enum vcpu_gpr                                                */
	/* INSN_MOV: */
	uint8_t size, reg_size;      /* bytes of the memory access, of the register: 1, 2, 4, 8      */
	uint8_t high, write;         /* high: AH, CH, DH or BH of reg                                */
	uint8_t sign;                /* a load extends the sign                                      */
	uint64_t immediate, value;   /* immediate: value, sign-extended, instead of reg              */
};

/* event: bits 0-7 vector, 8-10 type (0 interrupt, 2 NMI, 3 exception, 4 and up instructions), 11 error says something. */
struct exit_task {
	uint16_t selector;           /* of the new task's state segment                              */
	uint8_t source, length;      /* enum task_source; of the instruction, if it was one          */
	uint32_t event, error;       /* TASK_GATE: what is being delivered                           */
};
enum task_source { TASK_CALL, TASK_IRET, TASK_JMP, TASK_GATE };

struct exit_fail {
	uint64_t code, info1, info2; /* as the processor tells them                                  */
};
enum { EXIT_WHY_MAX = 72 };

/*
 * One decoded exit. The guest's registers are those before the instruction for MMIO and string PIO
 * (the vmm decodes and advances rip), after it for plain PIO: an IN is completed by writing rax.
 */
struct vcpu_exit {
	uint32_t kind;               /* enum exit_kind                                               */
	union {
		struct exit_pio pio;
		struct exit_mmio mmio;
		struct { uint32_t vector; } eoi, sipi;
		struct exit_task task;
		struct { struct exit_fail fail; char why[EXIT_WHY_MAX]; };
	};
	/* MMIO and string PIO only: what the decoder needs. */
	uint8_t inst[16];
	uint8_t inst_bytes;          /* valid bytes of inst; 0: fetch them yourself                  */
	uint8_t cpl;
	uint16_t cs_attr;            /* as vcpu_segment.attr: bit 13 L, bit 14 D                     */
	uint64_t cs_base, cr0, cr3, cr4, efer;
};

/* Bits of vcpu_page.dirty: what the vmm changed beside gpr[]. */
enum { DIRTY_RIP = 1, DIRTY_RFLAGS = 2, DIRTY_INSN = 4 };

/*
 * What the guest reads in CPUID is the vmm's: a leaf without a row reads zeros. The kernel adds what changes while the
 * guest runs: OSXSAVE and the APIC bit of leaf 1, and EBX of leaf Dh, subleaves 0 and 1, unless it is 0.
 */
enum { CPUID_ROWS = 48, CPUID_REGS = 4 };
#define CPUID_ANY 0xffffffffu        /* subleaf: whatever ECX holds                                  */

struct cpuid_row {
	uint32_t leaf, subleaf;
	uint32_t reg[CPUID_REGS];    /* EAX, EBX, ECX, EDX                                           */
};

/* MSRs first .. first + count - 1 that the kernel does not know itself and that mean nothing but their value. */
enum { MSR_ROWS = 40 };
enum msr_write { MSR_FAULT, MSR_IGNORE, MSR_KEEP };      /* a write is a #GP, lost, or changes value     */

struct msr_row {
	uint32_t first;
	uint16_t count;
	uint16_t write;              /* enum msr_write                                               */
	uint64_t value;
};

/* The paravirtual features of Linux' KVM interface: bits of EAX of leaf 40000001h (Documentation/virt/kvm/x86/cpuid.rst). */
enum kvm_feature {
	KVM_CLOCK = 1 << 0, KVM_NOP_IO_DELAY = 1 << 1, KVM_CLOCK2 = 1 << 3, KVM_STEAL_TIME = 1 << 5, KVM_EOI = 1 << 6,
	KVM_UNHALT = 1 << 7, KVM_TLB_FLUSH = 1 << 9, KVM_IPI = 1 << 11, KVM_POLL_CONTROL = 1 << 12, KVM_YIELD = 1 << 13,
	KVM_CLOCK_STABLE = 1 << 24,
};

/*
 * The page shared by kernel and vmm, one per vCPU; both read and write it while the vCPU is out of the guest.
 * gpr[] are live: written by every exit, loaded at every entry. The kernel trusts nothing in it.
 */
struct vcpu_page {
	uint64_t gpr[GPR_COUNT];
	uint64_t rip, rflags;        /* as of the exit; taken back where dirty says so               */
	uint32_t dirty;
	uint32_t extint_vector;      /* answer to EXIT_EXTINT; above 255: none (spurious)            */
	uint64_t eoi_exit_bitmap[4]; /* vectors whose EOI the IOAPIC must hear                       */
	struct vcpu_exit exit;
	struct insn_info insn;       /* answer to exit.mmio.asks or EXIT_DECODE                      */
	uint64_t exits[EXIT_KIND_COUNT];    /* counters, written by the kernel                       */
	uint64_t guest_ticks;        /* of the TSC, in the guest; updated when vcpu_run returns      */
	uint32_t kvm_features;       /* enum kvm_feature: registers and hypercalls that answer       */
	uint32_t cpuid_count, msr_count;
	struct cpuid_row cpuid[CPUID_ROWS];
	struct msr_row msr[MSR_ROWS];
};

struct vcpu_segment {
	uint64_t base;
	uint32_t limit;              /* bytes, expanded                                              */
	uint16_t selector;
	uint16_t attr;               /* type, S, DPL, P in bits 0-7; AVL, L, D/B, G in bits 12-15 (SDM access rights) */
};

enum { VCPU_STATE_VERSION = 2, VCPU_XSAVE_MAX = 2816, VCPU_APIC_REGS = 64 };

/* All state of a vCPU outside of memory. Offsets are fixed within a version. Of a new one: all zero but the APIC. */
struct vcpu_state {
	uint32_t version, size;      /* VCPU_STATE_VERSION, sizeof(struct vcpu_state)                */
	uint64_t gpr[GPR_COUNT], rip, rflags;
	struct vcpu_segment es, cs, ss, ds, fs, gs, ldtr, tr, gdtr, idtr;
	uint64_t cr0, cr2, cr3, cr4, cr8, efer, xcr0;
	uint64_t dr[4], dr6, dr7;
	uint64_t star, lstar, cstar, sfmask, kernel_gs_base, sysenter_cs, sysenter_esp, sysenter_eip, pat, tsc_aux, mtrr_def;
	uint64_t tsc;                /* guest TSC now; set as it was read it goes on meanwhile       */
	uint64_t apic_base;          /* MSR 1Bh                                                      */
	uint64_t tsc_deadline;
	uint64_t kvm_system_time, kvm_wall_clock, kvm_steal_time, kvm_eoi;
	uint32_t apic[VCPU_APIC_REGS];       /* registers 00h, 10h, 20h ... 3f0h                      */
	uint8_t halted;              /* 0: runs, 1: in HLT, 2: waits for its start-up IPI            */
	uint8_t nmi_pending, nmi_blocked, shadow;
	uint8_t exception_pending, exception_vector, exception_has_error, interrupt_pending;
	uint32_t exception_error, interrupt_vector;
	uint32_t xsave_bytes, pad;
	uint8_t xsave[VCPU_XSAVE_MAX];
};

enum doorbell_kind {
	DOORBELL_PIO = 0, DOORBELL_MMIO = 1,
	DOORBELL_ANY_VALUE = 1 << 8,         /* the value is not compared                            */
	DOORBELL_REMOVE = 1 << 9,            /* instead: forgets what was registered at the address  */
	DOORBELL_SIZE_SHIFT = 16,            /* bytes 1, 2, 4, 8 of the access; 0 any                */
};

_Static_assert(offsetof(struct exit_pio, value) == offsetof(struct exit_pio, pad) + 2 && sizeof(struct exit_mmio) == 16, "no holes");
_Static_assert(sizeof(struct vcpu_page) <= PAGE_SIZE, "one page");
_Static_assert(sizeof(struct vcpu_state) <= PAGE_SIZE, "one page");
_Static_assert(sizeof(struct init_info) <= PAGE_SIZE, "one page");
_Static_assert(sizeof(struct panic_log) == PANIC_LOG_BYTES, "no holes");
