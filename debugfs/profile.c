// SPDX-License-Identifier: GPL-2.0
/*
 * heap: the heap profile as a profile.proto, for go tool pprof.
 *
 * pprof's format is a protocol buffer.  It is made when the file is opened, whole,
 * so that what is read twice, or in pieces, is one and the same profile.  Names
 * are inside, addresses are not: pprof needs no symbols and learns nothing about
 * where the kernel lies.
 *
 * A protocol buffer is a row of fields, each a key (number and type) and a value:
 * an integer in pieces of seven bits, or a length and so many bytes.  A message
 * in a message is of the second kind; its length is known when it is complete, so
 * inner ones are written to a buffer of their own first.
 */
#include <linux/fs.h>
#include <linux/kallsyms.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>

#include "debugfs.h"
#include "heap.h"
#include "mprof.h"
#include "sizeclass.h"

/* Field numbers of the messages, from pprof's profile.proto. */
enum profile_field {
	PROFILE_SAMPLE_TYPE = 1,
	PROFILE_SAMPLE = 2,
	PROFILE_MAPPING = 3,
	PROFILE_LOCATION = 4,
	PROFILE_FUNCTION = 5,
	PROFILE_STRING = 6,
	PROFILE_TIME_NANOS = 9,
	PROFILE_DURATION_NANOS = 10,
	PROFILE_PERIOD_TYPE = 11,
	PROFILE_PERIOD = 12,
	PROFILE_COMMENT = 13,
	PROFILE_DEFAULT_SAMPLE_TYPE = 14,
};

enum { VALUE_TYPE_TYPE = 1, VALUE_TYPE_UNIT = 2 };
enum { SAMPLE_LOCATION = 1, SAMPLE_VALUE = 2, SAMPLE_LABEL = 3 };
enum { LABEL_KEY = 1, LABEL_NUM = 3, LABEL_NUM_UNIT = 4 };
enum { MAPPING_ID = 1, MAPPING_FILENAME = 5, MAPPING_HAS_FUNCTIONS = 7 };
enum { LOCATION_ID = 1, LOCATION_MAPPING = 2, LOCATION_LINE = 4 };
enum { LINE_FUNCTION = 1 };
enum { FUNCTION_ID = 1, FUNCTION_NAME = 2, FUNCTION_SYSTEM_NAME = 3 };

/* The strings that are always there, by their numbers. */
enum profile_string {
	STRING_EMPTY,
	STRING_ALLOC_OBJECTS,
	STRING_COUNT,
	STRING_ALLOC_SPACE,
	STRING_BYTES,
	STRING_INUSE_OBJECTS,
	STRING_INUSE_SPACE,
	STRING_SPACE,
	STRING_KERNEL,
	STRING_DROPPED,
	NR_STRINGS,
};

static const char *const fixed_string[NR_STRINGS] = {
	[STRING_EMPTY] = "",
	[STRING_ALLOC_OBJECTS] = "alloc_objects",
	[STRING_COUNT] = "count",
	[STRING_ALLOC_SPACE] = "alloc_space",
	[STRING_BYTES] = "bytes",
	[STRING_INUSE_OBJECTS] = "inuse_objects",
	[STRING_INUSE_SPACE] = "inuse_space",
	[STRING_SPACE] = "space",
	[STRING_KERNEL] = "[kernel.kallsyms]",
	[STRING_DROPPED] = "gomem: samples were dropped for want of memory",
};

/* --- A buffer that grows. --- */

static void put_bytes(struct gomem_blob *blob, const void *bytes, size_t len)
{
	size_t size = max_t(size_t, 4096, 2 * (blob->len + len));
	u8 *larger;

	if (blob->len + len > blob->size && !blob->failed) {
		larger = kvmalloc(size, GFP_KERNEL);
		if (larger && blob->len)
			memcpy(larger, blob->data, blob->len);
		kvfree(blob->data);
		blob->data = larger;
		blob->size = larger ? size : 0;
		blob->failed = !larger;
	}
	if (blob->failed)
		return;
	memcpy(blob->data + blob->len, bytes, len);
	blob->len += len;
}

static void put_varint(struct gomem_blob *blob, u64 value)
{
	u8 byte;

	do {
		byte = value & 0x7f;
		value >>= 7;
		if (value)
			byte |= 0x80;
		put_bytes(blob, &byte, 1);
	} while (value);
}

static void put_int(struct gomem_blob *blob, unsigned int field, u64 value)
{
	put_varint(blob, field << 3);
	put_varint(blob, value);
}

static void put_string(struct gomem_blob *blob, unsigned int field,
		       const void *bytes, size_t len)
{
	put_varint(blob, field << 3 | 2);
	put_varint(blob, len);
	put_bytes(blob, bytes, len);
}

/* @inner is emptied, for the next one. */
static void put_message(struct gomem_blob *blob, unsigned int field,
			struct gomem_blob *inner)
{
	put_string(blob, field, inner->data, inner->len);
	blob->failed |= inner->failed;
	inner->len = 0;
}

/* --- The profile. --- */

struct encoder {
	struct gomem_heap *heap;
	struct gomem_site *sites;
	unsigned int nr_sites;
	unsigned long *address;		/* all that occur, sorted, each once */
	unsigned int nr_addresses;
	struct gomem_blob *out;
	struct gomem_blob strings;	/* of the functions */
	struct gomem_blob message, inner;
};

static int compare_addresses(const void *a, const void *b)
{
	unsigned long x = *(const unsigned long *)a;
	unsigned long y = *(const unsigned long *)b;

	return x < y ? -1 : x > y;
}

/* All return addresses of all stacks. */
static bool collect_addresses(struct encoder *e)
{
	unsigned int i, n = 0, nr = 0;

	for (i = 0; i < e->nr_sites; i++)
		nr += e->sites[i].bucket.depth;
	e->address = kvmalloc_array(nr + 1, sizeof(*e->address), GFP_KERNEL);
	if (!e->address)
		return false;
	for (i = 0, nr = 0; i < e->nr_sites; i++) {
		const struct gomem_bucket *b = &e->sites[i].bucket;

		memcpy(e->address + nr, gomem_mprof_stack(e->heap->mprof, b),
		       b->depth * sizeof(*e->address));
		nr += b->depth;
	}
	sort(e->address, nr, sizeof(*e->address), compare_addresses, NULL);
	for (i = 0; i < nr; i++)
		if (!i || e->address[i] != e->address[i - 1])
			e->address[n++] = e->address[i];
	e->nr_addresses = n;
	return true;
}

/* Locations are numbered from 1 on, in the order of their addresses. */
static unsigned int location_of(const struct encoder *e, unsigned long address)
{
	unsigned int low = 0, high = e->nr_addresses, middle;

	while (high - low > 1) {
		middle = (low + high) / 2;
		if (e->address[middle] <= address)
			low = middle;
		else
			high = middle;
	}
	return low + 1;
}

static void put_value_type(struct encoder *e, unsigned int field,
			   enum profile_string type, enum profile_string unit)
{
	put_int(&e->message, VALUE_TYPE_TYPE, type);
	put_int(&e->message, VALUE_TYPE_UNIT, unit);
	put_message(e->out, field, &e->message);
}

static void put_sample(struct encoder *e, const struct gomem_site *site)
{
	const struct gomem_bucket *b = &site->bucket;
	const unsigned long *stack = gomem_mprof_stack(e->heap->mprof, b);
	unsigned int i;

	for (i = 0; i < b->depth; i++)
		put_varint(&e->inner, location_of(e, stack[i]));
	put_message(&e->message, SAMPLE_LOCATION, &e->inner);
	put_varint(&e->inner, site->objects);
	put_varint(&e->inner, site->bytes);
	put_varint(&e->inner, site->live);
	put_varint(&e->inner, site->live_bytes);
	put_message(&e->message, SAMPLE_VALUE, &e->inner);
	put_int(&e->inner, LABEL_KEY, STRING_BYTES);
	put_int(&e->inner, LABEL_NUM, b->size);
	put_int(&e->inner, LABEL_NUM_UNIT, STRING_BYTES);
	put_message(&e->message, SAMPLE_LABEL, &e->inner);
	put_message(e->out, PROFILE_SAMPLE, &e->message);
}

static void put_mapping(struct encoder *e)
{
	put_int(&e->message, MAPPING_ID, 1);
	put_int(&e->message, MAPPING_FILENAME, STRING_KERNEL);
	put_int(&e->message, MAPPING_HAS_FUNCTIONS, 1);
	put_message(e->out, PROFILE_MAPPING, &e->message);
}

static void put_location(struct encoder *e, unsigned int id,
			 unsigned int function)
{
	put_int(&e->message, LOCATION_ID, id);
	put_int(&e->message, LOCATION_MAPPING, 1);
	put_int(&e->inner, LINE_FUNCTION, function);
	put_message(&e->message, LOCATION_LINE, &e->inner);
	put_message(e->out, PROFILE_LOCATION, &e->message);
}

static void put_function(struct encoder *e, unsigned int id, const char *name)
{
	unsigned int string = NR_STRINGS + id - 1;

	put_int(&e->message, FUNCTION_ID, id);
	put_int(&e->message, FUNCTION_NAME, string);
	put_int(&e->message, FUNCTION_SYSTEM_NAME, string);
	put_message(e->out, PROFILE_FUNCTION, &e->message);
	put_string(&e->strings, PROFILE_STRING, name, strlen(name));
}

/**
 * gomem_symbol() - the name of the function that a return address is in
 * @name: KSYM_SYMBOL_LEN bytes for it
 * @address: as it stands in a stack
 *
 * Never an address, even if nobody knows the name any more.
 */
void gomem_symbol(char *name, unsigned long address)
{
	/* A call may be the last thing in a function. */
	sprint_symbol_no_offset(name, address - 1);
	if (!strncmp(name, "0x", 2))
		strscpy(name, "[gone]", KSYM_SYMBOL_LEN);
}

/* Addresses are sorted, so those of one function are neighbours. */
static void put_locations(struct encoder *e)
{
	char name[KSYM_SYMBOL_LEN], last[KSYM_SYMBOL_LEN] = "";
	unsigned int i, function = 0;

	for (i = 0; i < e->nr_addresses; i++) {
		gomem_symbol(name, e->address[i]);
		if (strcmp(name, last)) {
			put_function(e, ++function, name);
			strscpy(last, name, sizeof(last));
		}
		put_location(e, i + 1, function);
	}
}

static void put_strings(struct encoder *e)
{
	unsigned int i;

	for (i = 0; i < NR_STRINGS; i++)
		put_string(e->out, PROFILE_STRING, fixed_string[i],
			   strlen(fixed_string[i]));
	put_bytes(e->out, e->strings.data, e->strings.len);
	e->out->failed |= e->strings.failed;
}

static void put_profile(struct encoder *e)
{
	struct gomem_mprof *mprof = e->heap->mprof;
	unsigned int i;

	put_value_type(e, PROFILE_SAMPLE_TYPE, STRING_ALLOC_OBJECTS, STRING_COUNT);
	put_value_type(e, PROFILE_SAMPLE_TYPE, STRING_ALLOC_SPACE, STRING_BYTES);
	put_value_type(e, PROFILE_SAMPLE_TYPE, STRING_INUSE_OBJECTS, STRING_COUNT);
	put_value_type(e, PROFILE_SAMPLE_TYPE, STRING_INUSE_SPACE, STRING_BYTES);
	for (i = 0; i < e->nr_sites; i++)
		if (e->sites[i].bucket.nmalloc)
			put_sample(e, &e->sites[i]);
	put_mapping(e);
	put_locations(e);
	put_strings(e);
	put_int(e->out, PROFILE_TIME_NANOS, ktime_get_real_ns());
	if (mprof->started)
		put_int(e->out, PROFILE_DURATION_NANOS,
			ktime_get_ns() - mprof->started);
	put_value_type(e, PROFILE_PERIOD_TYPE, STRING_SPACE, STRING_BYTES);
	put_int(e->out, PROFILE_PERIOD, READ_ONCE(mprof->last_rate));
	if (atomic_long_read(&mprof->dropped))
		put_int(e->out, PROFILE_COMMENT, STRING_DROPPED);
	put_int(e->out, PROFILE_DEFAULT_SAMPLE_TYPE, STRING_INUSE_SPACE);
}

/**
 * gomem_profile_encode() - a heap profile as a profile.proto
 * @heap: the heap
 * @blob: zeroed; its data is for kvfree(), whatever is returned
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int gomem_profile_encode(struct gomem_heap *heap, struct gomem_blob *blob)
{
	struct encoder e = { .heap = heap, .out = blob };

	e.sites = gomem_mprof_sites(heap, &e.nr_sites);
	if (e.sites && collect_addresses(&e))
		put_profile(&e);
	else
		blob->failed = true;
	kvfree(e.sites);
	kvfree(e.address);
	kvfree(e.strings.data);
	kvfree(e.message.data);
	kvfree(e.inner.data);
	return blob->failed ? -ENOMEM : 0;
}

/* --- The file. --- */

static int heap_open(struct inode *inode, struct file *file)
{
	struct gomem_blob *blob = kzalloc(sizeof(*blob), GFP_KERNEL);
	int ret;

	if (!blob)
		return -ENOMEM;
	ret = gomem_profile_encode(&gomem_default_heap, blob);
	if (!ret)
		ret = generic_file_open(inode, file);
	if (ret) {
		kvfree(blob->data);
		kfree(blob);
		return ret;
	}
	file->private_data = blob;
	return 0;
}

static ssize_t heap_read(struct file *file, char __user *to, size_t len,
			 loff_t *pos)
{
	struct gomem_blob *blob = file->private_data;

	return simple_read_from_buffer(to, len, pos, blob->data, blob->len);
}

static int heap_release(struct inode *inode, struct file *file)
{
	struct gomem_blob *blob = file->private_data;

	kvfree(blob->data);
	kfree(blob);
	return 0;
}

const struct file_operations gomem_heap_fops = {
	.owner = THIS_MODULE,
	.open = heap_open,
	.read = heap_read,
	.llseek = default_llseek,
	.release = heap_release,
};
