// SPDX-License-Identifier: GPL-2.0
/*
 * heap: the heap profile as a profile.proto, for go tool pprof.
 *
 * pprof's format is a protocol buffer.  It is made when the file is opened, whole,
 * so that what is read twice, or in pieces, is one and the same profile.  Names
 * are inside, addresses are not: pprof needs no symbols and learns nothing about
 * where the kernel lies.  A function's name is what pprof prints and sums up by; its
 * system name has the offset too, for those who look for the line.
 *
 * A protocol buffer is a row of fields, each a key (number and type) and a value:
 * an integer in pieces of seven bits, or a length and so many bytes.  A message
 * in a message is of the second kind; its length is known when it is complete, so
 * inner ones are written to a buffer of their own first.
 */
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "debugfs.h"
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
	struct gomem_reading r;
	struct gomem_blob *out;
	struct gomem_blob strings;	/* those that are not always there */
	unsigned int nr_strings;
	struct gomem_blob message, inner;
};

/* A string, but for those that are always there.  Returns its number. */
static unsigned int add_string(struct encoder *e, const char *text)
{
	put_string(&e->strings, PROFILE_STRING, text, strlen(text));
	return NR_STRINGS + e->nr_strings++;
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
	unsigned int i;

	for (i = 0; i < b->depth; i++)
		put_varint(&e->inner,
			   gomem_reading_place(&e->r, site, i) - e->r.place + 1);
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

/* The name as pprof is to print it: symbol+0xoffset/0xsize [module], without the middle. */
static char *short_name(const char *name)
{
	const char *plus = strstr(name, "+0x");

	if (!plus)
		return kstrdup(name, GFP_KERNEL);
	return kasprintf(GFP_KERNEL, "%.*s%s", (int)(plus - name), name,
			 strchrnul(plus, ' '));
}

/* A place is a function of its own, as only that has room for the offset. */
static void put_function(struct encoder *e, unsigned int id, const char *name)
{
	char *printed = short_name(name);

	if (!printed) {
		e->out->failed = true;
		return;
	}
	put_int(&e->message, FUNCTION_ID, id);
	put_int(&e->message, FUNCTION_NAME, add_string(e, printed));
	put_int(&e->message, FUNCTION_SYSTEM_NAME, add_string(e, name));
	put_message(e->out, PROFILE_FUNCTION, &e->message);
	kfree(printed);
}

static void put_locations(struct encoder *e)
{
	unsigned int i;

	for (i = 0; i < e->r.nr_places; i++) {
		put_function(e, i + 1, e->r.place[i].name);
		put_location(e, i + 1, i + 1);
	}
}

/* What is missing, in words. */
static void put_comments(struct encoder *e, struct gomem_mprof *mprof)
{
	unsigned long dropped = atomic_long_read(&mprof->dropped);
	u64 forgotten = READ_ONCE(mprof->forgotten);
	char text[96];

	if (dropped) {
		snprintf(text, sizeof(text),
			 "gomem: %lu samples were dropped for want of memory", dropped);
		put_int(e->out, PROFILE_COMMENT, add_string(e, text));
	}
	if (forgotten) {
		snprintf(text, sizeof(text),
			 "gomem: %llu stacks that held nothing were forgotten", forgotten);
		put_int(e->out, PROFILE_COMMENT, add_string(e, text));
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
	struct gomem_mprof *mprof = e->r.sites.heap->mprof;
	unsigned int i;

	put_value_type(e, PROFILE_SAMPLE_TYPE, STRING_ALLOC_OBJECTS, STRING_COUNT);
	put_value_type(e, PROFILE_SAMPLE_TYPE, STRING_ALLOC_SPACE, STRING_BYTES);
	put_value_type(e, PROFILE_SAMPLE_TYPE, STRING_INUSE_OBJECTS, STRING_COUNT);
	put_value_type(e, PROFILE_SAMPLE_TYPE, STRING_INUSE_SPACE, STRING_BYTES);
	for (i = 0; i < e->r.sites.nr; i++)
		put_sample(e, &e->r.sites.site[i]);
	put_mapping(e);
	put_locations(e);
	put_comments(e, mprof);
	put_strings(e);
	put_int(e->out, PROFILE_TIME_NANOS, ktime_get_real_ns());
	if (mprof->started)
		put_int(e->out, PROFILE_DURATION_NANOS,
			ktime_get_ns() - mprof->started);
	put_value_type(e, PROFILE_PERIOD_TYPE, STRING_SPACE, STRING_BYTES);
	put_int(e->out, PROFILE_PERIOD, READ_ONCE(mprof->last_rate));
	put_int(e->out, PROFILE_DEFAULT_SAMPLE_TYPE, STRING_INUSE_SPACE);
}

/**
 * gomem_profile_encode() - a heap profile as a profile.proto
 * @heap: the heap
 * @blob: zeroed; its data is for kvfree(), whatever is returned
 *
 * Context: process, may sleep.
 * Return: 0 or an error.
 */
int gomem_profile_encode(struct gomem_heap *heap, struct gomem_blob *blob)
{
	struct encoder e = { .out = blob };
	int ret;

	ret = gomem_reading_get(heap, &e.r);
	if (ret)
		return ret;
	put_profile(&e);
	gomem_reading_put(&e.r);
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
