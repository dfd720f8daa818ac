/* SPDX-License-Identifier: GPL-2.0 */
/*
 * gomem - Go's memory allocator, for kernel code
 *
 * Memory from gomem_alloc() serves where memory from kmalloc() serves: it is
 * physically contiguous and in the direct map, aligned to ARCH_KMALLOC_MINALIGN
 * at least and to the largest power of two that divides the size asked for, and
 * it can be had in process, softirq and hardirq context.  Where it differs:
 *
 *  - It is freed with gomem_free(), never with kfree(): do not hand it to code
 *    that will kfree() it.  If that happens, the object is lost, and no more.
 *  - __GFP_ACCOUNT is accepted and has no effect.
 *  - Hardened usercopy cannot tell where an object ends.
 *  - Kernels built for debugging see pages where kmalloc() shows them objects: KASAN
 *    and KFENCE find no overrun and no use after free, slab_debug has no effect.
 *    kmemleak knows every object, init_on_alloc and init_on_free do what they do
 *    for kmalloc(), and insmod gomem.ko debug=F checks every free.
 */
#ifndef _LINUX_GOMEM_H
#define _LINUX_GOMEM_H

#include <linux/compiler_attributes.h>
#include <linux/gfp.h>
#include <linux/types.h>

struct task_struct;

/* What modinfo says; the tools say the same, see scripts/lint. */
#define GOMEM_VERSION	"0.9.0"

/**
 * gomem_free() - free memory from any of the functions below
 * @p: the memory, or NULL, or ZERO_SIZE_PTR
 *
 * Any CPU may free what another one allocated.
 *
 * A pointer that cannot be freed is never a WARN(): it is reported in the kernel log
 * and counted (BadFrees).  When it is noticed depends.  At once, and then it is
 * ignored: what is not gomem's, what is not aligned to eight bytes, an address inside
 * an object above 32 KiB (but not in the first 4 KiB of one of up to 64 KiB), memory
 * that is in no span any more, and the object of its size that this CPU freed last.
 * Any other second free, or any other address inside an object, passes for an object
 * of its class until it returns to its span; until then it may be handed out, to two
 * callers or across a border.  With insmod gomem.ko debug=F all of these are noticed
 * at once.
 *
 * Context: process, softirq or hardirq; does not sleep.  On PREEMPT_RT, as of kfree()
 * there, not hardirq, nor with preemption or interrupts off.
 */
void gomem_free(const void *p);

/**
 * gomem_alloc() - allocate memory
 * @size: bytes, up to KMALLOC_MAX_SIZE
 * @gfp: as for kmalloc(): GFP_KERNEL may sleep, GFP_ATOMIC and GFP_NOWAIT do
 *	not; __GFP_ZERO, __GFP_NOWARN, __GFP_NOFAIL, GFP_DMA, GFP_DMA32 and
 *	the others mean what they mean there
 *
 * Context: any but NMI, as @gfp allows; on PREEMPT_RT, as of kmalloc() there, not
 * hardirq, nor with preemption or interrupts off.
 * Return: the memory; ZERO_SIZE_PTR if @size is 0; NULL if there is no memory
 * or @size is too large.
 */
void *gomem_alloc(size_t size, gfp_t gfp) __alloc_size(1) __malloc;

/**
 * gomem_alloc_node() - allocate memory of a node
 * @size: bytes, up to KMALLOC_MAX_SIZE
 * @gfp: as for gomem_alloc(); with __GFP_THISNODE, that node or nothing
 * @node: the preferred node, or NUMA_NO_NODE; one that has no memory stands for the
 *	nearest one that has
 *
 * Memory of a node other than this CPU's is taken from spans of that node, not from
 * this CPU's magazines: each call takes a lock.
 *
 * Context: as gomem_alloc().
 * Return: as gomem_alloc(); NULL also if there can be no such node.
 */
void *gomem_alloc_node(size_t size, gfp_t gfp, int node) __alloc_size(1) __malloc;

/**
 * gomem_zalloc() - allocate memory that is set to zero
 * @size: bytes, up to KMALLOC_MAX_SIZE
 * @gfp: as for gomem_alloc()
 *
 * Context: as gomem_alloc().
 * Return: as gomem_alloc().
 */
void *gomem_zalloc(size_t size, gfp_t gfp) __alloc_size(1) __malloc;

/**
 * gomem_alloc_array() - allocate an array
 * @n: how many elements
 * @size: bytes of each
 * @gfp: as for gomem_alloc()
 *
 * Context: as gomem_alloc().
 * Return: as gomem_alloc(); NULL also if @n * @size overflows.
 */
void *gomem_alloc_array(size_t n, size_t size, gfp_t gfp) __alloc_size(1, 2) __malloc;

/**
 * gomem_calloc() - allocate an array that is set to zero
 * @n: how many elements
 * @size: bytes of each
 * @gfp: as for gomem_alloc()
 *
 * Context: as gomem_alloc().
 * Return: as gomem_alloc_array().
 */
void *gomem_calloc(size_t n, size_t size, gfp_t gfp) __alloc_size(1, 2) __malloc;

/**
 * gomem_realloc() - change the size of an allocation
 * @p: the memory, or NULL, which makes this gomem_alloc()
 * @new_size: bytes; 0 frees @p
 * @gfp: as for gomem_alloc(); with __GFP_ZERO, what lies beyond @new_size in
 *	memory that stays where it is, is zeroed, as krealloc() does
 *
 * Memory that is large enough already stays where it is, however small
 * @new_size, if it is aligned as @new_size bytes are; otherwise it is copied to
 * new memory and @p is freed.
 *
 * Context: as gomem_alloc().
 * Return: the memory, perhaps at a new place; ZERO_SIZE_PTR if @new_size is 0;
 * NULL if there is no memory, or @p is not gomem's, and then @p is as it was.
 */
void *gomem_realloc(const void *p, size_t new_size, gfp_t gfp) __must_check __realloc_size(2);

/**
 * gomem_free_sensitive() - overwrite memory with zeroes, then free it
 * @p: the memory, or NULL
 *
 * Context: as gomem_free().
 */
void gomem_free_sensitive(const void *p);

/**
 * gomem_alloc_bulk() - allocate many objects of one size
 * @size: bytes of each
 * @gfp: as for gomem_alloc()
 * @nr: how many
 * @objs: where their addresses go
 *
 * Context: as gomem_alloc().
 * Return: @nr, or 0 if not all could be had; none are left allocated then.
 */
int gomem_alloc_bulk(size_t size, gfp_t gfp, size_t nr, void **objs) __must_check;

/**
 * gomem_free_bulk() - free many objects
 * @nr: how many
 * @objs: their addresses; NULL among them is fine
 *
 * Context: as gomem_free().
 */
void gomem_free_bulk(size_t nr, void **objs);

/**
 * gomem_usable_size() - how much memory an allocation takes
 * @p: the memory, or NULL
 *
 * Not how much may be written: to the compiler, and so to FORTIFY_SOURCE and
 * UBSAN_BOUNDS, an allocation is as large as was asked for.  Who wants to use all of
 * what is served asks gomem_size_roundup() before, and allocates so much.
 *
 * Context: any.
 * Return: bytes, at least what was asked for; 0 if @p is NULL, ZERO_SIZE_PTR or
 * not the start of an allocation of gomem's.
 */
size_t gomem_usable_size(const void *p);

/**
 * gomem_size_roundup() - what an allocation will be rounded up to
 * @size: bytes
 *
 * Asking for that many bytes takes no more memory than asking for @size.
 *
 * Context: any.
 * Return: bytes; 0 for 0, and @size itself if it cannot be allocated.
 */
size_t gomem_size_roundup(size_t size);

/**
 * gomem_strdup() - duplicate a string
 * @s: the string, or NULL
 * @gfp: as for gomem_alloc()
 *
 * Context: as gomem_alloc().
 * Return: the copy; NULL if @s is NULL or there is no memory.
 */
char *gomem_strdup(const char *s, gfp_t gfp) __malloc;

/**
 * gomem_memdup() - duplicate memory
 * @src: what to copy
 * @len: bytes
 * @gfp: as for gomem_alloc()
 *
 * Context: as gomem_alloc().
 * Return: the copy, or NULL.
 */
void *gomem_memdup(const void *src, size_t len, gfp_t gfp) __alloc_size(2) __malloc;

/**
 * gomem_owns() - is this an address of gomem's?
 * @p: any value
 *
 * Context: any.
 * Return: true if @p lies in memory that gomem hands out, allocated or free.
 */
bool gomem_owns(const void *p);

/**
 * gomem_gc() - run a reclaim cycle
 *
 * What waits in the caches of all CPUs returns to its spans, and the spans that
 * are empty then become idle memory.
 *
 * Context: process, may sleep.
 */
void gomem_gc(void);

/**
 * gomem_free_os_memory() - run a reclaim cycle and give back all idle memory
 *
 * Context: process, may sleep.
 */
void gomem_free_os_memory(void);

/**
 * gomem_set_gc_percent() - set when reclaim cycles begin
 * @percent: when what is allocated or cached exceeds what was live after the
 *	last cycle by so much, 1000000 at most; negative: only when memory is short
 *	or the memory limit is near
 *
 * Context: as gomem_free().
 * Return: what it was before.
 */
int gomem_set_gc_percent(int percent);

/**
 * gomem_set_memory_limit() - set how much memory gomem should take
 * @limit: bytes; S64_MAX is no limit; negative: leave it as it is
 *
 * The limit is soft: cycles and the return of idle memory become eager near it,
 * and no allocation ever fails because of it.
 *
 * Context: as gomem_free().
 * Return: what it was before.
 */
s64 gomem_set_memory_limit(s64 limit);

#define GOMEM_BY_SIZE	61	/* as in Go: entry 0, and classes 1 to 60 */
#define GOMEM_NR_PAUSES	256

/**
 * struct gomem_memstats_size - a size class in &struct gomem_memstats
 * @size: bytes of an object
 * @mallocs: objects allocated
 * @frees: objects freed
 */
struct gomem_memstats_size {
	u32 size;
	u64 mallocs;
	u64 frees;
};

/**
 * struct gomem_memstats - Go's runtime.MemStats
 * @alloc: bytes of live objects, rounded up as they are served
 * @total_alloc: the same, of all objects ever allocated
 * @sys: bytes taken from the kernel; the sum of the fields ending in _sys
 * @lookups: addresses looked up outside the fast path
 * @mallocs: objects allocated
 * @frees: objects freed
 * @heap_alloc: as @alloc
 * @heap_sys: @heap_inuse + @heap_idle, the largest size that the heap has had
 * @heap_idle: bytes in no span, released ones included
 * @heap_inuse: bytes in spans
 * @heap_released: bytes given back to the kernel and not got again since
 * @heap_objects: @mallocs - @frees
 * @stack_inuse: bytes in stack spans
 * @stack_sys: as @stack_inuse
 * @mspan_inuse: bytes of span descriptors in use
 * @mspan_sys: bytes of all span descriptors
 * @mcache_inuse: bytes of mcaches and of magazines in use
 * @mcache_sys: bytes of mcaches and all magazines
 * @buck_hash_sys: bytes of the heap profile: buckets, marks and names
 * @gc_sys: bytes of bitmaps, blocks and arenas
 * @other_sys: bytes of everything else
 * @next_gc: @heap_alloc and cached bytes at which the next reclaim cycle starts;
 *	U64_MAX: at none
 * @last_gc: end of the last cycle, nanoseconds since 1970
 * @pause_total_ns: sum of all pauses
 * @pause_ns: the last pauses; the most recent is [(@num_gc + 255) % 256]
 * @pause_end: when those ended, nanoseconds since 1970
 * @num_gc: reclaim cycles
 * @num_forced_gc: those that were asked for
 * @gc_cpu_ppb: share of the CPUs' time spent in cycles, in parts per 10^9
 * @enable_gc: always true
 * @debug_gc: always false
 * @by_size: the first classes, as Go reports them
 */
struct gomem_memstats {
	u64 alloc;
	u64 total_alloc;
	u64 sys;
	u64 lookups;
	u64 mallocs;
	u64 frees;
	u64 heap_alloc;
	u64 heap_sys;
	u64 heap_idle;
	u64 heap_inuse;
	u64 heap_released;
	u64 heap_objects;
	u64 stack_inuse;
	u64 stack_sys;
	u64 mspan_inuse;
	u64 mspan_sys;
	u64 mcache_inuse;
	u64 mcache_sys;
	u64 buck_hash_sys;
	u64 gc_sys;
	u64 other_sys;
	u64 next_gc;
	u64 last_gc;
	u64 pause_total_ns;
	u64 pause_ns[GOMEM_NR_PAUSES];
	u64 pause_end[GOMEM_NR_PAUSES];
	u32 num_gc;
	u32 num_forced_gc;
	u64 gc_cpu_ppb;
	bool enable_gc;
	bool debug_gc;
	struct gomem_memstats_size by_size[GOMEM_BY_SIZE];
};

/**
 * gomem_read_memstats() - read the statistics
 * @stats: where they go; some 6 KiB, so not on the stack
 *
 * The figures are consistent with each other, and nobody is stopped for them.
 *
 * Context: as gomem_free().
 */
void gomem_read_memstats(struct gomem_memstats *stats);

#define GOMEM_MEM_PROFILE_DEPTH	32

/**
 * struct gomem_mem_profile_record - Go's runtime.MemProfileRecord
 * @alloc_bytes: bytes of the objects that were sampled, rounded up as served
 * @free_bytes: bytes of those that have been freed
 * @alloc_objects: how many were sampled
 * @free_objects: how many of them have been freed
 * @stack: return addresses, innermost first, ended by 0 if there is room; ULONG_MAX
 *	where there was code that has gone since
 *
 * As in Go, these are samples, not estimates: an object of S bytes is sampled
 * with probability 1 - exp(-S / rate).
 */
struct gomem_mem_profile_record {
	u64 alloc_bytes;
	u64 free_bytes;
	u64 alloc_objects;
	u64 free_objects;
	unsigned long stack[GOMEM_MEM_PROFILE_DEPTH];
};

/**
 * gomem_mem_profile() - read the heap profile, as Go's runtime.MemProfile()
 * @records: where the records go, one for each call stack and size
 * @nr: for how many there is room
 * @inuse_zero: also those of which everything has been freed
 *
 * Context: as gomem_free().
 * Return: how many records there are; more than @nr if not all were copied.
 */
size_t gomem_mem_profile(struct gomem_mem_profile_record *records, size_t nr,
			 bool inuse_zero);

/**
 * gomem_set_mem_profile_rate() - set Go's runtime.MemProfileRate
 * @rate: bytes that are allocated from one sample to the next, on average; 1
 *	for every allocation, 0 for none; at most 1 GiB
 *
 * When it returns, every CPU samples at the new rate.  What was sampled before
 * stays in the profile, and is scaled by the rate of its own time.
 *
 * Context: process, may sleep.
 * Return: 0, -EINVAL or -ENOMEM; nothing is changed in case of an error.
 */
int gomem_set_mem_profile_rate(unsigned int rate);

/**
 * gomem_mem_profile_rate() - read Go's runtime.MemProfileRate
 *
 * Context: any.
 * Return: the rate.
 */
unsigned int gomem_mem_profile_rate(void);

/**
 * struct gomem_watch - what a task gets from gomem, and nobody frees
 *
 * Its memory is the caller's; nothing in it is for anybody but gomem.
 */
struct gomem_watch {
	/* private: */
	struct list_head list;
	struct task_struct *task;
	unsigned long missed;
	u32 rate_sets;
	u16 owner;
};

/**
 * gomem_watch_begin() - from now on, watch what this task allocates
 * @watch: the watch
 *
 * While there is a watch, every allocation of everybody is sampled, which costs some
 * microseconds each; gomem_mem_profile_rate() is 1.  A task may have more than one: the
 * latest is the one that counts.  Not watched: what interrupts allocate, and other tasks
 * on behalf of this one, such as workqueues.
 *
 * Context: process, may sleep.
 * Return: 0; -ENOMEM; -EBUSY if there are thousands.
 */
int gomem_watch_begin(struct gomem_watch *watch);

/**
 * gomem_watch_read() - what has been allocated under a watch, and is still live
 * @watch: the watch
 * @records: where the records go, one for each call stack and size, in no order
 * @nr: for how many there is room
 *
 * Exact: what the task freed, or whoever else, is not in it.
 *
 * Context: any but NMI, between gomem_watch_begin() and gomem_watch_end().
 * Return: how many records there are, more than @nr if not all were copied; -ENODATA if
 * not all allocations were seen, because there was no memory to note one down, or
 * somebody has set another rate of the profile.
 */
ssize_t gomem_watch_read(const struct gomem_watch *watch,
			 struct gomem_mem_profile_record *records, size_t nr);

/**
 * gomem_watch_end() - watch no longer
 * @watch: the watch; any task may end it
 *
 * After the last one, the profile has the rate that it had before the first.
 *
 * Context: process, may sleep.
 */
void gomem_watch_end(struct gomem_watch *watch);

#ifdef DEFINE_FREE
/* For __free(gomem_free): freed when the variable goes out of scope. */
DEFINE_FREE(gomem_free, void *, if (!IS_ERR_OR_NULL(_T)) gomem_free(_T))
#endif

#endif /* _LINUX_GOMEM_H */
