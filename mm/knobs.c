// SPDX-License-Identifier: GPL-2.0
/*
 * What can be adjusted: by module parameters when gomem is loaded, and later by
 * those, or by the files of the same names in debugfs.
 *
 * Every knob is a number with a least and a greatest value.  Text that is no
 * such number is refused, and changes nothing.
 */
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/string.h>

#include "heap.h"
#include "knobs.h"

static const struct {
	const char *name;
	s64 least, most, initial;
	bool bytes;		/* K, M and G may follow */
} knobs[GOMEM_NR_KNOBS] = {
	[GOMEM_KNOB_GC_PERCENT] = { "gc_percent", -1, GOMEM_MAX_GC_PERCENT, 100 },
	[GOMEM_KNOB_MEMORY_LIMIT] = { "memory_limit", 0, S64_MAX, S64_MAX, true },
	[GOMEM_KNOB_SCAVENGE_DELAY_MS] = { "scavenge_delay_ms", 0, 86400000, 5000 },
	[GOMEM_KNOB_GCTRACE] = { "gctrace", 0, 1, 0 },
	[GOMEM_KNOB_SCAVTRACE] = { "scavtrace", 0, 1, 0 },
};

/**
 * gomem_knob_name() - what a knob is called
 * @knob: the knob
 *
 * Return: the name of its parameter and of its file.
 */
const char *gomem_knob_name(enum gomem_knob knob)
{
	return knobs[knob].name;
}

/**
 * gomem_knob_set() - turn a knob
 * @heap: whose
 * @knob: which
 * @value: to what
 *
 * Return: 0, or -EINVAL if @value makes no sense.
 */
int gomem_knob_set(struct gomem_heap *heap, enum gomem_knob knob, s64 value)
{
	if (value < knobs[knob].least || value > knobs[knob].most)
		return -EINVAL;
	WRITE_ONCE(heap->knob[knob], value);
	set_bit(knob, &heap->knobs_set);
	gomem_heap_wake(heap);
	return 0;
}

/* The factor that @suffix stands for, or 0. */
static s64 knob_unit(const char *suffix)
{
	if (!*suffix)
		return 1;
	if (suffix[1])
		return 0;
	switch (*suffix) {
	case 'K':
		return 1LL << 10;
	case 'M':
		return 1LL << 20;
	case 'G':
		return 1LL << 30;
	default:
		return 0;
	}
}

/*
 * The number that a text is: decimal digits, perhaps after a minus sign, behind which
 * K, M or G may follow if it is of @bytes, and a line's end.
 */
static int knob_number(const char *text, bool bytes, s64 *value)
{
	size_t digits, length = strlen(text);
	char number[24];
	s64 factor;

	if (length && text[length - 1] == '\n')
		length--;
	if (length >= sizeof(number))
		return -EINVAL;
	memcpy(number, text, length);
	number[length] = 0;
	digits = *number == '-';
	digits += strspn(number + digits, "0123456789");
	if (number[digits] && !bytes)
		return -EINVAL;
	factor = knob_unit(number + digits);
	number[digits] = 0;
	if (!factor || kstrtos64(number, 10, value))
		return -EINVAL;
	if (*value > div64_s64(S64_MAX, factor) ||
	    *value < div64_s64(S64_MIN, factor))
		return -EINVAL;
	*value *= factor;
	return 0;
}

/**
 * gomem_knob_u32() - a number that is not of a knob
 * @text: decimal digits; a line's end may follow
 * @value: where it goes; unchanged if it is none
 *
 * Return: 0, or -EINVAL.
 */
int gomem_knob_u32(const char *text, u32 *value)
{
	s64 number;

	if (knob_number(text, false, &number) || number < 0 || number > U32_MAX)
		return -EINVAL;
	*value = number;
	return 0;
}

/**
 * gomem_knob_parse() - turn a knob to what a text says
 * @heap: whose
 * @knob: which
 * @text: a decimal number; of bytes, K, M or G may follow; a line's end may
 *
 * Return: 0, or -EINVAL and nothing is changed.
 */
int gomem_knob_parse(struct gomem_heap *heap, enum gomem_knob knob,
		     const char *text)
{
	s64 value;
	int ret = knob_number(text, knobs[knob].bytes, &value);

	return ret ? ret : gomem_knob_set(heap, knob, value);
}

/**
 * gomem_knobs_init() - those that nobody has set yet
 * @heap: the heap
 */
void gomem_knobs_init(struct gomem_heap *heap)
{
	unsigned int i;

	for (i = 0; i < GOMEM_NR_KNOBS; i++)
		if (!test_bit(i, &heap->knobs_set))
			heap->knob[i] = knobs[i].initial;
}

static enum gomem_knob knob_of(const struct kernel_param *kp)
{
	return (s64 *)kp->arg - gomem_default_heap.knob;
}

static int knob_set_param(const char *text, const struct kernel_param *kp)
{
	return gomem_knob_parse(&gomem_default_heap, knob_of(kp), text);
}

static int knob_get_param(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%lld\n",
			  gomem_knob(&gomem_default_heap, knob_of(kp)));
}

static const struct kernel_param_ops param_ops = {
	.set = knob_set_param,
	.get = knob_get_param,
};

#define GOMEM_PARAM(name, number) \
	module_param_cb(name, &param_ops, &gomem_default_heap.knob[number], 0600)

GOMEM_PARAM(gc_percent, GOMEM_KNOB_GC_PERCENT);
MODULE_PARM_DESC(gc_percent, "a reclaim cycle when the heap has grown by so much percent, -1: only near memory_limit (100)");
GOMEM_PARAM(memory_limit, GOMEM_KNOB_MEMORY_LIMIT);
MODULE_PARM_DESC(memory_limit, "bytes to try to stay below, with K, M or G (no limit)");
GOMEM_PARAM(scavenge_delay_ms, GOMEM_KNOB_SCAVENGE_DELAY_MS);
MODULE_PARM_DESC(scavenge_delay_ms, "idle memory is kept as long as it was in use so lately (5000)");
GOMEM_PARAM(gctrace, GOMEM_KNOB_GCTRACE);
MODULE_PARM_DESC(gctrace, "1: log every reclaim cycle (0)");
GOMEM_PARAM(scavtrace, GOMEM_KNOB_SCAVTRACE);
MODULE_PARM_DESC(scavtrace, "1: log when memory is returned (0)");
